"""A linear predictor with an ensemble for its spread."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearEnsemble:
    """Ridge regressions on standardised features, each on other Bayesian-bootstrap weights of the trials (Rubin 1981).

    The penalty is that of `penalty` trials in each direction of a feature; it is not tuned.
    """

    seed: int
    members: int = 32
    penalty: float = 0.1
    slopes: Array | None = None  # [member, feature + 1, output]
    centre: Array | None = None  # [feature]
    spread: Array | None = None  # [feature]

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the ensemble fitted to features `x` [trial, feature] and scores `y` [trial, output]."""
        centre, spread = x.mean(axis=0), np.where(x.std(axis=0) > 1e-12, x.std(axis=0), 1.0)
        inputs = _with_one((x - centre) / spread)  # [trial, feature + 1]
        weights = np.random.default_rng(self.seed).dirichlet(np.ones(len(x)), self.members)  # [member, trial]
        ridge = self.penalty * np.diag([*np.ones(x.shape[1]), 0.0])
        gram = np.einsum("mt,ti,tj->mij", weights, inputs, inputs) + ridge
        sides = np.einsum("mt,ti,to->mio", weights, inputs, y)
        return replace(self, slopes=np.linalg.solve(gram, sides), centre=centre, spread=spread)

    def predict(self, x: Array) -> Array:
        """Gives each member's scores [sample, mixture, output] at features `x` [mixture, feature].

        Raises:
            ValueError: it is not fitted.
        """
        if self.slopes is None or self.centre is None or self.spread is None:
            raise ValueError("A linear ensemble predicts after `fit`; call `fit(x, y)` and use what it returns.")
        return np.asarray(_with_one((x - self.centre) / self.spread) @ self.slopes)


def _with_one(x: Array) -> Array:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
