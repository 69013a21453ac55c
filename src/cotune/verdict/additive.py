"""An additive model of the objective: intercept, size of the set, each dataset's presence and part, and a residual."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cotune.verdict.design import effective_size, presence, shortfall

Array = NDArray[np.float64]

RESIDUALS = (0.03, 0.1, 0.2, 0.4, 0.7, 1.0)
SLOPES = (0.03, 0.1, 0.2, 0.4, 0.7, 1.0)
SIZE_SCALE = 3.0
FLAT = 1e3


@dataclass(frozen=True)
class Fit:
    """What the model believes: the value of each fitted mixture, and what each dataset does to one of average size.

    `values` and `values_sd` are [mixture]. `effects` are of adding a dataset with as many parts as any other, `more` of
    raising it to that from its least part relative to the largest; both, with their sd, are [task]. `more` is nan where
    a dataset, if in, was never below the largest.
    """

    values: Array
    values_sd: Array
    effects: Array
    effects_sd: Array
    more: Array
    more_sd: Array


def fit_additive(parts: Array, y: Array, noise: Array) -> Fit:
    """Fits `parts` [mixture, task] to mean objectives `y` [mixture] with noise variances `noise` [mixture].

    y = intercept + slope * effective size + sum over the included tasks of (effect - cost * shortfall) + residual of
    the mixture + noise; `design.py` says what effective size and shortfall are. A dataset may so help when it joins and
    yet be better in a small part. Where all parts are equal there is no shortfall, and size is a count. Slopes and
    residuals are normal with unknown scales; the scales are integrated out on a grid by their marginal likelihood
    (empirical Bayes as in Gelman et al., 2013, Bayesian Data Analysis, chapter 15, with the grid in place of a
    point estimate). A mixture's value is so drawn towards what its members promise, the more the noisier it is.
    Cost: O(mixtures x tasks^2) for each of 36 grid points.
    """
    scale = float(y.std())
    n, tasks = parts.shape
    short = shortfall(parts)  # [mixture, task]
    least = 1 - short.max(axis=0)  # [task], the smallest relative part
    varied = least < 1  # [task]
    if scale == 0:
        still = np.zeros(tasks)
        more = np.where(varied, still, np.nan)
        return Fit(y.copy(), np.sqrt(noise), still, still, more, more)
    size = effective_size(parts) / tasks  # [mixture]
    columns = np.column_stack([size, presence(parts), short[:, varied]])
    features = np.column_stack([np.ones(n), columns - columns.mean(axis=0)])  # [mixture, feature]
    contrasts = np.concatenate([_adding(tasks, varied), _raising(least, float(size.mean()) * tasks)])
    floor = np.maximum(noise, (1e-6 * scale) ** 2)  # [mixture]
    weights, values, effects = [], [], []
    for slope, residual in product(SLOPES, RESIDUALS):
        prior = np.array([FLAT, SIZE_SCALE, *[slope] * (features.shape[1] - 2)]) * scale  # [feature]
        spread = (residual * scale) ** 2  # variance of the residual
        evidence, mean, covariance = _regress(features, y - y.mean(), prior, spread + floor)
        trust = spread / (spread + floor)  # [mixture]
        line = features @ mean + y.mean()  # [mixture]
        line_variance = ((features @ covariance) * features).sum(axis=1)  # [mixture]
        value_variance = trust * floor + (1 - trust) ** 2 * line_variance
        effect_variance = ((contrasts @ covariance) * contrasts).sum(axis=1)  # [contrast]
        weights.append(evidence)
        values.append((line + trust * (y - line), value_variance))
        effects.append((contrasts @ mean, effect_variance))
    share = np.exp(np.array(weights) - max(weights))
    share /= share.sum()
    (mean, sd), unknown = _mix(share, np.array(effects)), np.where(varied, 0.0, np.nan)
    added = (mean[:tasks], sd[:tasks])
    return Fit(*_mix(share, np.array(values)), *added, mean[tasks:] + unknown, sd[tasks:] + unknown)


def _adding(tasks: int, varied: NDArray[np.bool_]) -> Array:
    """Gives what adding each task with a full part changes in the features, [task, feature]."""
    return np.column_stack([np.zeros(tasks), np.full(tasks, 1 / tasks), np.eye(tasks), np.zeros((tasks, varied.sum()))])


def _raising(least: Array, size: float) -> Array:
    """Gives what raising each task from its `least` relative part [task] to a full one changes, [task, feature].

    The others have full parts, so many that the effective size is `size` in the end.
    """
    tasks, others = len(least), max(size - 1, 0.0)
    before = (others + least) ** 2 / (others + least**2)  # [task], effective size
    growth = (others + 1 - before) / tasks
    gained = np.diag(least - 1)[:, least < 1]  # [task, varied]
    return np.column_stack([np.zeros(tasks), growth, np.zeros((tasks, tasks)), gained])


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
