"""The three swappable stages of a search: samplers, predictors and acquisitions."""

from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.trial import Proposal, Request, Trial

Sampler: TypeAlias = Callable[[Problem, Sequence[Trial], Sequence[Request], np.random.Generator, int], list[Proposal]]
"""Pure function of problem, ended trials (failed ones included), pending requests, generator and how many to propose.

It returns at most that many proposals; none means that nothing is left to propose (while requests are pending: that it
waits for them). It never asks again for a mixture that ended or is pending, except with a fresh seed and a reason that
begins with "repeat".
"""


class Predictor(Protocol):
    """Learns scores from features; `fit` returns the fitted predictor and leaves the receiver as it was."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Self:
        """Gives a predictor fitted to features `x` [trial, feature] and scores `y` [trial, output].

        The targets' scores come first and are finite; `cotune.search.evidence.outcomes` says what follows, nan where a
        trial did not measure it. `Measured` spares a predictor these gaps.
        """
        ...

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gives predictions [sample, mixture, output] at features `x` [mixture, feature], finite for the targets."""
        ...


Acquisition: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Scores candidates: predicted improvements over the best so far [sample, mixture] -> merit [mixture]."""
