"""A Gaussian process that knows regimes: set size, single datasets, their shares, and what those leave."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm
from scipy.stats import norm

from cotune.search.kernels import Gaps, Kernels, draw_kernels, gaps

Array = NDArray[np.float64]

FREEDOM = 4.0
"""Degrees of freedom of the prior on the scale of standardised scores."""
NODES = norm.ppf([0.125, 0.375, 0.625, 0.875]) / 0.8443
"""Normal quantiles that samples stand at, stretched to variance 1."""
CHUNK = 2**16
"""About how many covariances are worked on at a time: they fit a processor's cache."""


@dataclass(frozen=True)
class Posterior:
    """The kernels that samples are drawn from, conditioned on the trials."""

    kernels: Kernels
    times: NDArray[np.int64]  # [draw], how many samples at each quantile
    x: Array  # [trial, task]
    factor: Array  # [draw, trial, trial], Cholesky factors of the covariance
    white: Array  # [draw, trial, target], standardised scores, solved for the factor
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
        """Gives the process after scores `y` [trial, target] of parts `x` [trial, task]; 0.01 s for 50 trials."""
        centre, spread = y.mean(axis=0), y.std(axis=0)
        spread = np.where(spread > 1e-12, spread, 1.0)
        scores, between = (y - centre) / spread, gaps(x, x)
        kernels = draw_kernels(np.random.default_rng(self.seed), self.draws)
        fit, logdet = _fits(kernels, between, scores)
        likelihood = -logdet[:, None] - 0.5 * (FREEDOM + len(x)) * np.log1p(fit / FREEDOM)  # [draw, target]
        total = likelihood[:, : self.leading].mean(axis=1)  # [draw]
        if y.shape[1] > self.leading:
            total = total + self.sharing * likelihood[:, self.leading :].mean(axis=1)
        top = np.argsort(-total, kind="stable")[: self.kept]
        weight = np.exp(total[top] - total[top[0]])
        chosen, times = _resample(weight / weight.sum(), self.samples // len(NODES))
        kernels, fit = kernels.take(top[chosen]), fit[top[chosen]]
        factor = _factors(kernels, between)
        white = np.stack([_solved(root, scores) for root in factor])
        scale = (FREEDOM + fit) / (FREEDOM + len(x))
        return replace(self, posterior=Posterior(kernels, times, x, factor, white, scale, centre, spread))

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
        mean, variance = _conditioned(posterior, x)
        mean = mean * posterior.spread[:, None] + posterior.centre[:, None]  # [draw, target, mixture]
        scale = np.sqrt(posterior.scale) * posterior.spread  # [draw, target]
        sd = np.sqrt(variance)[:, None] * scale[:, :, None]  # [draw, target, mixture]
        of_sample = np.repeat(np.arange(len(mean)), posterior.times)
        centre, away = (values.swapaxes(0, 1)[:, None, of_sample] for values in (mean, sd))
        samples = centre + NODES[:, None, None] * away  # [target, node, sample, mixture]
        return np.asarray(samples.reshape(len(samples), -1, len(x)).transpose(1, 2, 0))


def _conditioned(posterior: Posterior, x: Array) -> tuple[Array, Array]:
    """Gives standardised means [draw, target, mixture] and variances [draw, mixture] at parts `x` [mixture, task]."""
    between, variance = gaps(posterior.x, x), posterior.kernels.variance(x)
    mean = np.empty((len(variance), posterior.white.shape[2], len(x)))
    for draw, (factor, white) in enumerate(zip(posterior.factor, posterior.white, strict=True)):
        (covariance,) = posterior.kernels.take(slice(draw, draw + 1)).covariance(between)
        cross = _solved(factor, covariance)  # [trial, mixture]
        mean[draw] = white.T @ cross
        variance[draw] -= np.einsum("tm,tm->m", cross, cross)
    return mean, np.maximum(variance, 1e-9)


def _fits(kernels: Kernels, between: Gaps, scores: Array) -> tuple[Array, Array]:
    """Gives how `scores` [trial, target] fit each kernel.

    These are their quadratic form in the inverse covariance [draw, target], and half its log determinant [draw].
    """
    fit, logdet = np.empty((len(kernels.noise), scores.shape[1])), np.empty(len(kernels.noise))
    step = max(1, CHUNK // len(scores) ** 2)
    for start in range(0, len(logdet), step):
        factor = _factors(kernels.take(slice(start, start + step)), between)
        logdet[start : start + step] = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        for draw, root in enumerate(factor, start):
            white = _solved(root, scores)
            fit[draw] = np.einsum("nt,nt->t", white, white)
    return fit, logdet


def _factors(kernels: Kernels, between: Gaps) -> Array:
    """Gives Cholesky factors [draw, trial, trial] of the covariance of noisy scores."""
    covariance = kernels.covariance(between)
    np.einsum("dtt->dt", covariance)[:] += kernels.noise[:, None]
    return np.asarray(np.linalg.cholesky(covariance))


def _solved(factor: Array, values: Array) -> Array:
    """Gives the solution of `factor` @ solution = `values` [trial, column] for a lower triangular factor."""
    return np.asarray(dtrsm(1.0, factor.T, values.T, side=1).T)  # transposed, neither is copied to another order


def _resample(weight: Array, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gives the draws that `count` evenly spaced points of the cumulated `weight` [draw] fall on, and how often."""
    points = (np.arange(count) + 0.5) / count
    chosen = np.minimum(np.searchsorted(np.cumsum(weight), points), len(weight) - 1)
    draws, times = np.unique(chosen, return_counts=True)
    return draws, times
