"""Hypervolume: how much of the space of target scores a set of points dominates, and what it leaves."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def undominated(points: Array) -> NDArray[np.bool_]:
    """Tells for each of `points` [point, target] whether no other is as good on all targets and better on one.

    >>> undominated(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.5]])).tolist()
    [True, True, False]
    """
    return ~dominated(points, points)


def dominated(points: Array, rivals: Array) -> NDArray[np.bool_]:
    """Tells for each of `points` whether one of `rivals` [rival, target] is as good on all targets, better on one."""
    as_good = (rivals[None] >= points[:, None]).all(axis=2)  # [point, rival]
    better = (rivals[None] > points[:, None]).any(axis=2)  # [point, rival]
    return np.asarray((as_good & better).sum(axis=1) > 0)


def hypervolume(points: Array, reference: Array) -> float:
    """Gives the volume above `reference` [target] that is below one of `points` [point, target], by slices.

    Zitzler and Thiele (1999), Multiobjective Evolutionary Algorithms: A Comparative Case Study and the Strength Pareto
    Approach. Cost: O(points ^ (targets - 1)) at worst; a slice looks at the points alone that none in it dominates.

    >>> hypervolume(np.array([[2.0, 1.0], [1.0, 3.0]]), np.zeros(2))
    4.0
    """
    if len(reference) == 1:
        return float(max(points.max(initial=reference[0]) - reference[0], 0.0))
    points, volume = _telling(points, reference), 0.0
    for low, high in pairwise(_edges(points, reference)):
        volume += (high - low) * hypervolume(points[points[:, -1] >= high, :-1], reference[:-1])
    return volume


def boxes(points: Array, reference: Array) -> tuple[Array, Array]:
    """Gives disjoint boxes, lower and upper corners [box, target], that fill what `points` leave above `reference`.

    Upper corners may be infinite. At most (points + 1) ^ (targets - 1) boxes, as in Yang, Emmerich, Deutz and Bäck
    (2019), Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition Algorithms, whose
    decomposition for three targets needs fewer.
    """
    if len(reference) == 1:
        return np.array([[points.max(initial=reference[0])]]), np.array([[np.inf]])
    points, lows, highs = _telling(points, reference), [], []
    for low, high in pairwise([*_edges(points, reference), np.inf]):
        inner = boxes(points[points[:, -1] >= high, :-1], reference[:-1])
        lows.append(np.column_stack([inner[0], np.full(len(inner[0]), low)]))
        highs.append(np.column_stack([inner[1], np.full(len(inner[1]), high)]))
    return np.concatenate(lows), np.concatenate(highs)


def _telling(points: Array, reference: Array) -> Array:
    """Gives those of `points` [point, target] above `reference` that no other dominates: the rest cuts nothing off."""
    above = points[(points > reference).all(axis=1)]
    return above[undominated(above)]


def _edges(points: Array, reference: Array) -> list[float]:
    """Gives where the last target's axis is cut: at the reference and at each of the `points`, all above it."""
    return [float(reference[-1]), *np.unique(points[:, -1]).tolist()]
