"""A predictor of what every trial measured, for predictors that cannot read gaps."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cotune.search.protocols import Predictor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Fits `predictor` to the outputs that every trial measured; predictions of the others are nan.

    >>> from cotune.search import Ensemble
    >>> x, y = np.eye(3), np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]])
    >>> bool(np.isnan(Measured(Ensemble()).fit(x, y).predict(x)[:, :, 1]).all())
    True
    """

    predictor: Predictor
    columns: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64), repr=False)
    outputs: int = 0

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the predictor fitted to features `x` [trial, feature] and the whole columns of `y` [trial, output]."""
        columns = np.flatnonzero(np.isfinite(y).all(axis=0))
        return replace(self, predictor=self.predictor.fit(x, y[:, columns]), columns=columns, outputs=y.shape[1])

    def predict(self, x: Array) -> Array:
        """Gives samples [sample, mixture, output] at features `x` [mixture, feature]."""
        found = self.predictor.predict(x)  # [sample, mixture, column]
        samples = np.full((self.outputs, *found.shape[:2]), np.nan)  # whole outputs are written and read fastest
        samples[self.columns] = found.transpose(2, 0, 1)
        return samples.transpose(1, 2, 0)
