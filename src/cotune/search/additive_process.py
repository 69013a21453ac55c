"""A Gaussian process that knows regimes: set size, single datasets, their shares, and what those leave."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import norm

from cotune.verdict.design import effective_size

Array = NDArray[np.float64]

FREEDOM = 4.0
"""Degrees of freedom of the prior on the scale of standardised scores."""
CONSTANT = 4.0
"""Prior variance of the mean of standardised scores, in units of the process."""
NODES = norm.ppf([0.125, 0.375, 0.625, 0.875]) / 0.8443
"""Normal quantiles that samples stand at, stretched to variance 1."""


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

    def take(self, draws: NDArray[np.int64]) -> "Kernels":
        """Gives the chosen draws."""
        arrays = (self.size, self.presence, self.share, self.rest, self.noise, self.size_reach, self.rest_reach)
        return Kernels(*(values[draws] for values in arrays))

    def covariance(self, x: Array, z: Array) -> Array:
        """Gives prior covariances [draw, mixture, mixture] between parts `x` and `z` [mixture, task]."""
        log_ratio = np.log(effective_size(x))[:, None] - np.log(effective_size(z))[None]  # [mixture, mixture]
        share = np.sqrt(_shares(x)) @ np.sqrt(_shares(z)).T  # [mixture, mixture]
        presence = (_relative(x) - 0.5) @ (_relative(z) - 0.5).T * 4 / x.shape[1]  # [mixture, mixture]
        distance = cdist(_relative(x), _relative(z), "cityblock") / x.shape[1]  # [mixture, mixture]
        total = _column(self.size) * np.exp(-0.5 * (log_ratio / _column(self.size_reach)) ** 2)
        total += _column(self.presence) * presence + _column(self.share) * share
        total += _column(self.rest) * np.exp(-distance / _column(self.rest_reach))
        return np.asarray(total + CONSTANT)

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


@dataclass(frozen=True)
class Posterior:
    """The likeliest kernels, conditioned on the trials."""

    kernels: Kernels
    x: Array  # [trial, task]
    root: Array  # [draw, trial, trial], inverse Cholesky factors of the covariance
    white: Array  # [draw, trial, target], standardised scores times the root
    weight: Array  # [draw]
    scale: Array  # [draw, target], variance of the process
    centre: Array  # [target]
    spread: Array  # [target]


@dataclass(frozen=True)
class AdditiveProcess:
    """Additive Gaussian processes over mixtures, averaged over kernels by their likelihood.

    Whether more datasets help or dilute is a curve over the size of the set; what one dataset is worth is linear in its
    presence (as under a budget that grows with the pool) or in the root of its share (a fixed budget); a Hamming kernel
    takes what interacts. How much each part explains is not chosen but averaged over: `draws` kernels from the prior,
    weighted by marginal likelihood with the scale integrated out. Outputs after the first `leading` ones count
    `sharing` in all, because the regime belongs to the budget and thus to every task: a dozen scores a trial show it
    earlier than one.

    Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, section 5.2 (averaging over parameters) and
    9.9 (Student scale); the parts and the sharing are ours. Features are parts [mixture, task], of any scale.
    """

    seed: int = 0
    leading: int = 1
    sharing: float = 0.5
    draws: int = 256
    kept: int = 32
    samples: int = 64
    posterior: Posterior | None = field(default=None, repr=False)

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the process after scores `y` [trial, target] of parts `x` [trial, task]; 0.1 s for 50 trials."""
        centre, spread = y.mean(axis=0), y.std(axis=0)
        spread = np.where(spread > 1e-12, spread, 1.0)
        kernels = draw_kernels(np.random.default_rng(self.seed), self.draws)
        covariance = kernels.covariance(x, x) + _column(kernels.noise) * np.eye(len(x))
        factor = np.linalg.cholesky(covariance)  # [draw, trial, trial]
        scores = np.broadcast_to((y - centre) / spread, (self.draws, *y.shape))  # [draw, trial, target]
        fit = (scores * np.linalg.solve(covariance, scores)).sum(axis=1)  # [draw, target]
        logdet = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)  # [draw]
        likelihood = -logdet[:, None] - 0.5 * (FREEDOM + len(x)) * np.log1p(fit / FREEDOM)  # [draw, target]
        total = likelihood[:, : self.leading].mean(axis=1)  # [draw]
        if y.shape[1] > self.leading:
            total = total + self.sharing * likelihood[:, self.leading :].mean(axis=1)
        top = np.argsort(-total, kind="stable")[: self.kept]
        weight = np.exp(total[top] - total[top[0]])
        scale = (FREEDOM + fit[top]) / (FREEDOM + len(x))
        root = np.linalg.inv(factor[top])  # [draw, trial, trial]
        white = root @ scores[top]  # [draw, trial, target]
        posterior = Posterior(kernels.take(top), x, root, white, weight / weight.sum(), scale, centre, spread)
        return replace(self, posterior=posterior)

    def predict(self, x: Array) -> Array:
        """Gives samples [sample, mixture, target] at parts `x` [mixture, task], with the posterior's mean and variance.

        Each sample stands at one quantile of one kernel's posterior for all mixtures: right for each mixture and
        target by itself, not jointly.

        Raises:
            ValueError: it is not fitted.
        """
        if self.posterior is None:
            raise ValueError("A process predicts after `fit`; call `fit(x, y)` and use what it returns.")
        posterior = self.posterior
        draws, times = _resample(posterior.weight, self.samples // len(NODES))
        kernels = posterior.kernels.take(draws)
        cross = posterior.root[draws] @ kernels.covariance(posterior.x, x)  # [draw, trial, mixture]
        mean = cross.swapaxes(1, 2) @ posterior.white[draws]  # [draw, mixture, target]
        variance = np.maximum(kernels.variance(x) - (cross**2).sum(axis=1), 1e-9)  # [draw, mixture]
        sd = np.sqrt(variance[:, :, None] * posterior.scale[draws][:, None])  # [draw, mixture, target]
        mean, sd = np.repeat(mean, times, axis=0), np.repeat(sd, times, axis=0)
        samples = (mean + NODES[:, None, None, None] * sd).reshape(-1, *mean.shape[1:])  # [sample, mixture, target]
        return np.asarray(samples * posterior.spread + posterior.centre)


def _resample(weight: Array, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gives the draws that `count` evenly spaced points of the cumulated `weight` [draw] fall on, and how often."""
    points = (np.arange(count) + 0.5) / count
    chosen = np.minimum(np.searchsorted(np.cumsum(weight), points), len(weight) - 1)
    draws, times = np.unique(chosen, return_counts=True)
    return draws, times


def _column(values: Array) -> Array:
    return values[:, None, None]


def _shares(parts: Array) -> Array:
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))


def _relative(parts: Array) -> Array:
    return np.asarray(parts / parts.max(axis=1, keepdims=True))
