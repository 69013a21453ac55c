"""Several predictors as one, each heard as far as it is sure."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from cotune.search.protocols import Predictor

Array = NDArray[np.float64]

NODES = norm.ppf((np.arange(16) + 0.5) / 16)
"""Normal quantiles at which samples stand."""
TINY = 1e-12


@dataclass(frozen=True)
class Product:
    """A generalised product of experts: means weighted by precision, and the members' harmonic mean variance.

    Cao and Fleet (2014), Generalized Product of Experts for Automatic and Principled Fusion of Gaussian Process
    Predictions, with equal weights that sum to 1, so that members who agree do not become surer than each is. All see
    the same features.
    """

    members: tuple[Predictor, ...]

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the product of members fitted to features `x` [trial, feature] and scores `y` [trial, output]."""
        return replace(self, members=tuple(member.fit(x, y) for member in self.members))

    def predict(self, x: Array) -> Array:
        """Gives samples [sample, mixture, output]; of each output by the members that predict it."""
        drawn = [member.predict(x) for member in self.members]
        mean = np.stack([samples.mean(axis=0) for samples in drawn])  # [member, mixture, output]
        variance = np.stack([samples.var(axis=0) for samples in drawn]) + TINY
        heard = np.isfinite(mean)
        precision = np.where(heard, 1 / variance, 0.0)
        total = np.where(heard.any(axis=0), precision.sum(axis=0), np.nan)  # [mixture, output]
        centre = (precision * np.where(heard, mean, 0.0)).sum(axis=0) / total
        spread = np.sqrt(heard.sum(axis=0) / total)
        return np.asarray(centre + NODES[:, None, None] * spread)
