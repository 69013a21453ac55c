"""Kernels over mixtures: set size, single datasets, their shares, and a Hamming rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cotune.verdict.design import effective_size

Array = NDArray[np.float64]

CONSTANT = 4.0
"""Prior variance of the mean of standardised scores, in units of the process."""


@dataclass(frozen=True)
class Gaps:
    """What kernels see of the mixtures `x` beside the mixtures `z`, whatever their scales; all [mixture, mixture]."""

    size: Array  # minus half the squared difference of log effective sizes
    presence: Array  # product of presences, centred
    share: Array  # product of root shares
    rest: Array  # minus the mean absolute difference of parts, as shares of the largest


@dataclass(frozen=True)
class Kernels:
    """Draws from the prior: the variance that each part explains (they sum to 1), noise, and reaches; all [draw]."""

    size: Array
    presence: Array
    share: Array
    rest: Array
    noise: Array
    size_reach: Array
    rest_reach: Array

    def take(self, draws: NDArray[np.int64] | slice) -> "Kernels":
        """Gives the chosen draws."""
        arrays = (self.size, self.presence, self.share, self.rest, self.noise, self.size_reach, self.rest_reach)
        return Kernels(*(values[draws] for values in arrays))

    def covariance(self, between: Gaps) -> Array:
        """Gives prior covariances [draw, mixture, mixture] of mixtures with these gaps, noise left out."""
        total = between.size / _column(self.size_reach**2)
        np.exp(total, out=total)
        total *= _column(self.size)
        part = between.rest / _column(self.rest_reach)
        np.exp(part, out=part)
        part *= _column(self.rest)
        total += part
        total += np.multiply(between.presence, _column(self.presence), out=part)
        total += np.multiply(between.share, _column(self.share), out=part)
        total += CONSTANT
        return np.asarray(total)

    def variance(self, x: Array) -> Array:
        """Gives prior variances [draw, mixture] at parts `x` [mixture, task]: the diagonal of `covariance`."""
        presence = ((_relative(x) - 0.5) ** 2).sum(axis=1) * 4 / x.shape[1]  # [mixture]
        return np.asarray((self.size + self.share + self.rest)[:, None] + self.presence[:, None] * presence + CONSTANT)


def draw_kernels(rng: np.random.Generator, draws: int) -> Kernels:
    """Draws kernels: uniform on how four parts divide the variance, log-uniform in noise and reaches."""
    size, presence, share, rest = rng.dirichlet(np.ones(4), draws).T  # each [draw]
    noise, size_reach, rest_reach = (
        np.exp(rng.uniform(np.log(low), np.log(high), draws)) for low, high in ((1e-3, 0.3), (0.3, 3.0), (0.1, 1.5))
    )
    return Kernels(size, presence, share, rest, noise, size_reach, rest_reach)


def gaps(x: Array, z: Array) -> Gaps:
    """Gives the gaps between parts `x` and `z` [mixture, task]: what kernels need, once for all draws."""
    log_ratio = np.log(effective_size(x))[:, None] - np.log(effective_size(z))[None]
    presence = (_relative(x) - 0.5) @ (_relative(z) - 0.5).T * 4 / x.shape[1]
    share = np.sqrt(_shares(x)) @ np.sqrt(_shares(z)).T
    distance = cdist(_relative(x), _relative(z), "cityblock") / x.shape[1]
    return Gaps(-0.5 * log_ratio**2, presence, share, -distance)


def _column(values: Array) -> Array:
    return values[:, None, None]


def _shares(parts: Array) -> Array:
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))


def _relative(parts: Array) -> Array:
    return np.asarray(parts / parts.max(axis=1, keepdims=True))
