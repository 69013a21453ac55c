"""An additive model of the objective: an intercept, the size of the set, each dataset's own effect, and a residual."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESIDUALS = (0.03, 0.1, 0.2, 0.4, 0.7, 1.0)
SLOPES = (0.03, 0.1, 0.2, 0.4, 0.7, 1.0)
SIZE_SCALE = 3.0
FLAT = 1e3


@dataclass(frozen=True)
class Fit:
    """What the model believes: the value of each fitted mixture and the effect of adding each dataset.

    `values` and `values_sd` are [mixture]; `effects` and `effects_sd` are [task], for a mixture of average size.
    """

    values: Array
    values_sd: Array
    effects: Array
    effects_sd: Array


def fit_additive(x: Array, y: Array, noise: Array) -> Fit:
    """Fits inclusion `x` [mixture, task] to mean objectives `y` [mixture] with noise variances `noise` [mixture].

    y = intercept + slope * size + sum of the included tasks' effects + residual of the mixture + noise. Slopes and
    residuals are normal with unknown scales; the scales are integrated out on a grid by their marginal likelihood
    (empirical Bayes as in Gelman et al., 2013, Bayesian Data Analysis, chapter 15, with the grid in place of a
    point estimate). A mixture's value is so drawn towards what its members promise, the more the noisier it is.
    Cost: O(mixtures x tasks^2) for each of 36 grid points.
    """
    scale = float(y.std())
    n, tasks = x.shape
    if scale == 0:
        return Fit(y.copy(), np.sqrt(noise), np.zeros(tasks), np.zeros(tasks))
    size = x.sum(axis=1) / tasks  # [mixture]
    features = np.column_stack([np.ones(n), size - size.mean(), x - x.mean(axis=0)])  # [mixture, feature]
    to_effects = np.column_stack([np.zeros(tasks), np.full(tasks, 1 / tasks), np.eye(tasks)])  # [task, feature]
    floor = np.maximum(noise, (1e-6 * scale) ** 2)  # [mixture]
    weights, values, effects = [], [], []
    for slope, residual in product(SLOPES, RESIDUALS):
        prior = np.array([FLAT, SIZE_SCALE, *[slope] * tasks]) * scale  # [feature]
        spread = (residual * scale) ** 2  # variance of the residual
        evidence, mean, covariance = _regress(features, y - y.mean(), prior, spread + floor)
        trust = spread / (spread + floor)  # [mixture]
        line = features @ mean + y.mean()  # [mixture]
        line_variance = ((features @ covariance) * features).sum(axis=1)  # [mixture]
        value_variance = trust * floor + (1 - trust) ** 2 * line_variance
        effect_variance = ((to_effects @ covariance) * to_effects).sum(axis=1)  # [task]
        weights.append(evidence)
        values.append((line + trust * (y - line), value_variance))
        effects.append((to_effects @ mean, effect_variance))
    share = np.exp(np.array(weights) - max(weights))
    return Fit(*_mix(share / share.sum(), np.array(values)), *_mix(share / share.sum(), np.array(effects)))


def _regress(features: Array, y: Array, prior: Array, variance: Array) -> tuple[float, Array, Array]:
    """Gives log evidence, posterior mean [feature] and covariance of a linear model with normal prior and noise."""
    scaled = features / variance[:, None]
    precision = features.T @ scaled + np.diag(prior**-2.0)
    factor = np.linalg.cholesky(precision)
    half = np.linalg.inv(factor)
    covariance = half.T @ half
    mean = covariance @ (scaled.T @ y)
    fit = float(y @ (y / variance) - mean @ (precision @ mean))
    volume = 2 * np.log(np.diag(factor)).sum() + 2 * np.log(prior).sum() + np.log(variance).sum()
    return -0.5 * (fit + float(volume)), mean, covariance


def _mix(share: Array, moments: Array) -> tuple[Array, Array]:
    """Gives mean and sd of a mixture of distributions with `moments` [grid, mean or variance, item]."""
    mean = share @ moments[:, 0]
    variance = share @ (moments[:, 1] + (moments[:, 0] - mean) ** 2)
    return mean, np.sqrt(variance)
