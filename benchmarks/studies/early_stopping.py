"""The reconstruction with a stopping rule of its own: as many steps as a held-out part of the trials likes."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cotune.search import Ensemble

Array = NDArray[np.float64]

STEPS = (25, 50, 100, 200)
LEAST = 2
"""So many trials at least are held out; with fewer than four times as many the most steps are taken."""


@dataclass(frozen=True)
class EarlyStopping:
    """Takes the number of steps with the least squared error on a random quarter, then fits to all trials."""

    ensemble: Ensemble

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the ensemble fitted to features `x` [trial, feature] and scores `y` [trial, output]."""
        return replace(self, ensemble=replace(self.ensemble, steps=self._best(x, y)).fit(x, y))

    def predict(self, x: Array) -> Array:
        """Gives each member's scores [sample, mixture, output] at features `x` [mixture, feature]."""
        return self.ensemble.predict(x)

    def _best(self, x: Array, y: Array) -> int:
        held = len(x) // 4
        if held < LEAST:
            return STEPS[-1]
        order = np.random.default_rng(self.ensemble.seed).permutation(len(x))
        test, train = order[:held], order[held:]

        def error(steps: int) -> float:
            fitted = replace(self.ensemble, steps=steps).fit(x[train], y[train])
            return float(((fitted.predict(x[test]).mean(axis=0) - y[test]) ** 2).mean())

        return min(STEPS, key=error)
