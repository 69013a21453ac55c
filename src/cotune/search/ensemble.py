"""The neural predictor of the source paper, reconstructed: a deep ensemble of small networks."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ensemble:
    """Small networks, trained all at once, whose disagreement is the uncertainty.

    Zhan and Zhang (2025), Towards Better Multi-task Learning, predict a combination's score by a network but published
    neither layers, loss, optimiser nor stopping rule. This is a reconstruction: two hidden layers, mean squared error
    on standardised scores of all tasks at once, Adam with decoupled weight decay for a fixed number of full-batch
    steps (a dozen trials are too few to hold some out), and an ensemble over initial weights as in Lakshminarayanan,
    Pritzel and Blundell (2017), Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles. Each
    member weighs the trials by the Bayesian bootstrap (Rubin 1981), which leaves none out.
    """

    seed: int = 0
    members: int = 16
    width: int = 32
    steps: int = 200
    rate: float = 0.01
    decay: float = 0.1
    weights: tuple[Array, ...] = field(default=(), repr=False)
    scaling: tuple[Array, Array, Array, Array] | None = field(default=None, repr=False)

    def fit(self, x: Array, y: Array) -> Self:
        """Gives an ensemble trained on features `x` [trial, feature] and scores `y` [trial, target]."""
        rng = np.random.default_rng(self.seed)
        scaling = (x.mean(axis=0), _spread(x), y.mean(axis=0), _spread(y))
        inputs, outputs = (x - scaling[0]) / scaling[1], (y - scaling[2]) / scaling[3]
        trial_weights = rng.dirichlet(np.ones(len(x)), self.members)[:, :, None]  # [member, trial, 1]
        weights = self._initial(rng, x.shape[1], y.shape[1])
        first = [np.zeros_like(w) for w in weights]
        second = [np.zeros_like(w) for w in weights]
        for step in range(1, self.steps + 1):
            slopes = _gradients(weights, inputs, outputs, trial_weights)
            size = self.rate * np.sqrt(1 - 0.99**step) / (1 - 0.9**step)
            for w, m, v, slope in zip(weights, first, second, slopes, strict=True):
                m += 0.1 * (slope - m)
                v += 0.01 * (slope * slope - v)
                w *= 1 - self.rate * self.decay
                w -= size * m / (np.sqrt(v) + 1e-8)
        return replace(self, weights=tuple(weights), scaling=scaling)

    def predict(self, x: Array) -> Array:
        """Gives each member's scores [sample, mixture, target] at features `x` [mixture, feature].

        Raises:
            ValueError: it is not fitted.
        """
        if self.scaling is None:
            raise ValueError("An ensemble predicts after `fit`; call `fit(x, y)` and use what it returns.")
        outputs = _forward(self.weights, (x - self.scaling[0]) / self.scaling[1])[-1]
        return np.asarray(outputs * self.scaling[3] + self.scaling[2])

    def _initial(self, rng: np.random.Generator, features: int, targets: int) -> list[Array]:
        """Draws weights and biases of three layers, He initialisation: [member, in, out] and [member, 1, out]."""
        sizes = (features, self.width, self.width, targets)
        weights: list[Array] = []
        for fan_in, fan_out in pairwise(sizes):
            weights.append(rng.standard_normal((self.members, fan_in, fan_out)) * np.sqrt(2 / fan_in))
            weights.append(np.zeros((self.members, 1, fan_out)))
        return weights


def _forward(weights: tuple[Array, ...] | list[Array], x: Array) -> tuple[Array, Array, Array]:
    """Gives both hidden layers and the outputs, each [member, trial, unit]."""
    a, b, c, d, e, f = weights
    low = np.maximum(x @ a + b, 0)
    high = np.maximum(low @ c + d, 0)
    return low, high, high @ e + f


def _gradients(weights: list[Array], x: Array, y: Array, trial_weights: Array) -> list[Array]:
    """Gives the gradient of the weighted mean squared error for each array of weights."""
    low, high, outputs = _forward(weights, x)
    slope = trial_weights * (outputs - y) * (2 / y.shape[1])  # [member, trial, target]
    slope_high = (slope @ weights[4].swapaxes(1, 2)) * (high > 0)  # [member, trial, unit]
    slope_low = (slope_high @ weights[2].swapaxes(1, 2)) * (low > 0)  # [member, trial, unit]
    gradients = [x.T @ slope_low, slope_low, low.swapaxes(1, 2) @ slope_high, slope_high]
    gradients += [high.swapaxes(1, 2) @ slope, slope]
    return [g if index % 2 == 0 else g.sum(axis=1, keepdims=True) for index, g in enumerate(gradients)]


def _spread(values: Array) -> Array:
    """Gives standard deviations [column], 1 for constant columns."""
    spread = values.std(axis=0)
    return np.where(spread > 1e-12, spread, 1.0)
