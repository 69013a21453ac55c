"""Which runs of a pool are known: both anchors, and then such as different searches would leave."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pretraining.rows import Array

ROUNDS = 6
"""In how many rounds a search chooses its runs."""
TINY = 1e-9


def choose_known(
    parts: Array, observed: Array, required: Sequence[int], known: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Gives the places of `known` runs among those with `parts` [run, task], which show `observed` [run].

    Nearly always both anchors come first: the `required` tasks alone, and all. The others are random, spread over
    sizes, those that look good, those around a good one, or what a search with a linear model leaves.
    """
    first = _anchors(parts, required) if rng.random() < 0.9 else []
    if known > len(first) + 2 and rng.random() < 0.35:
        return _searched(parts, observed, first, known, rng)
    order = _preference(parts, observed, rng)
    order[first] = -np.inf
    return np.argsort(order)[:known]


def _anchors(parts: Array, required: Sequence[int]) -> list[int]:
    alone = np.zeros(parts.shape[1])
    alone[required] = 1
    found = [np.flatnonzero((parts == wanted).all(axis=1)) for wanted in (alone, np.ones(parts.shape[1]))]
    return [int(rows[0]) for rows in found if len(rows)]


def _preference(parts: Array, observed: Array, rng: np.random.Generator) -> Array:
    """Gives numbers [run]; the runs with the lowest are known first."""
    kind, uniform = rng.random(), rng.random(len(parts))
    if kind < 0.25:
        return uniform
    if kind < 0.35:
        return np.abs((parts > 0).mean(axis=1) - uniform)
    standard = (observed - observed.mean()) / max(float(observed.std()), TINY)
    blurred = rng.standard_normal(len(parts)) - rng.uniform(0.3, 3) * standard
    if kind < 0.7:
        return np.asarray(blurred)
    found = parts[blurred.argmin()] > 0
    away = ((parts > 0) != found).sum(axis=1)
    return np.asarray(away + 2 * uniform - rng.uniform(0, 1.5) * standard)


def _searched(
    parts: Array, observed: Array, first: Sequence[int], known: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Gives runs chosen in rounds, each time those that a draw from a linear model's posterior says are best.

    Thompson sampling (Russo et al. 2018, A Tutorial on Thompson Sampling, section 5) with presence, root shares and a
    curve of set size as features.
    """
    x = _features(parts)  # [run, feature]
    missing = max(0, 2 - len(first))
    chosen = [*first, *rng.choice(np.setdiff1d(np.arange(len(parts)), first), missing, replace=False)]
    boldness = rng.choice([0.1, 0.3, 1.0])
    for left in range(ROUNDS, 0, -1):
        count = -(-(known - len(chosen)) // left)
        values = observed[chosen]
        standard = (values - values.mean()) / max(float(values.std()), TINY)
        precision = np.eye(x.shape[1]) + x[chosen].T @ x[chosen] / 0.1
        root = np.linalg.inv(np.linalg.cholesky(precision))  # [feature, feature]
        mean = root.T @ (root @ (x[chosen].T @ standard / 0.1))  # [feature]
        draws = mean + boldness * rng.standard_normal((count, len(mean))) @ root  # [draw, feature]
        for draw in draws:
            merit = x @ draw
            merit[chosen] = -np.inf
            chosen.append(int(merit.argmax()))
    return np.array(chosen)


def _features(parts: Array) -> Array:
    share = parts / parts.sum(axis=1, keepdims=True)  # [run, task]
    size = np.log(1 / (share**2).sum(axis=1))  # [run]
    curve = np.stack([size, size**2], axis=1)
    x = np.concatenate([curve, parts > 0, np.sqrt(share)], axis=1)
    scale = np.sqrt([len(curve.T)] * 2 + [parts.shape[1] / 2] * 2 * parts.shape[1])
    x = x - x.mean(axis=0)
    return np.asarray(x / np.maximum(x.std(axis=0), TINY) / scale)
