"""Several predictors as one, each with an equal say."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cotune.search.protocols import Predictor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Committee:
    """Predictors whose samples are pooled: where they disagree the committee is unsure, which makes it look there.

    Each member comes with the number of leading feature columns that it sees (None: all of them). Equal weights, since
    a dozen trials cannot rank models that differ this much.
    """

    members: tuple[tuple[Predictor, int | None], ...]

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the committee of members fitted to features `x` [trial, feature] and scores `y` [trial, target]."""
        return replace(self, members=tuple((member.fit(x[:, :seen], y), seen) for member, seen in self.members))

    def predict(self, x: Array) -> Array:
        """Gives the members' samples, repeated to about equal numbers: [sample, mixture, target]."""
        samples = [member.predict(x[:, :seen]) for member, seen in self.members]
        most = max(len(drawn) for drawn in samples)
        return np.concatenate([np.repeat(drawn, round(most / len(drawn)), axis=0) for drawn in samples])
