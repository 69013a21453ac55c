"""Search for a front: how much a mixture is expected to widen what the measured ones dominate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cotune.search.acquisition import expected_improvement
from cotune.verdict.hypervolume import boxes

Array = NDArray[np.float64]

SHUFFLES = 8
"""Random orders in which the targets' samples are paired; more is nearer to independence and slower."""

CHUNK = 2**17
"""About how many pairs of boxes and mixtures are worked on at a time: they fit a processor's cache."""


@dataclass(frozen=True)
class MeasuredFront:
    """The scores that measured mixtures reach together, and the point above which volume counts."""

    points: Array  # [mixture, target]
    reference: Array  # [target]

    def improvement(self, predicted: Array) -> Array:
        """Gives the expected hypervolume improvement [mixture] of predictions [sample, mixture, target].

        Exact for scores that are normal with the samples' mean and spread and independent among targets: over each box
        of what is not dominated it is a product over targets of differences of expected improvements (Yang, Emmerich,
        Deutz and Bäck, 2019, Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition
        Algorithms). So predictions have to be right for each target alone, not jointly.
        """
        lows, highs = boxes(self.points, self.reference)  # [box, target]
        sides = [_sides(predicted[:, :, t], lows[:, t], highs[:, t]) for t in range(predicted.shape[2])]
        found, step = np.zeros(predicted.shape[1]), max(1, CHUNK // max(predicted.shape[1], 1))
        for start in range(0, len(lows), step):
            total = np.ones((len(lows[start : start + step]), predicted.shape[1]))  # [box, mixture]
            for gains, low, high in sides:
                total *= gains[low[start : start + step]] - gains[high[start : start + step]]
            found += np.maximum(total, 0.0).sum(axis=0)
        return found


def _sides(samples: Array, lows: Array, highs: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Gives gains [edge, mixture] over a target's edges, and which of these are each box's `lows` and `highs`."""
    edges, place = np.unique(np.concatenate([lows, highs]), return_inverse=True)
    low, high = np.split(place, 2)
    return np.array([_gain(samples, edge) for edge in edges]), low, high


def _gain(samples: Array, edge: float) -> Array:
    """Gives the expected gain [mixture] of `samples` [sample, mixture] over `edge`."""
    return expected_improvement(samples - edge) if np.isfinite(edge) else np.zeros(samples.shape[1])


def independent(samples: Array) -> Array:
    """Gives samples [sample, mixture, target] whose targets vary independently, from ones at equal quantiles.

    Predictors draw each target rightly by itself, all at one quantile; the least of several targets would then be too
    good. Here each target's samples are paired with the others' in `SHUFFLES` random orders, the same for all mixtures,
    as if scores were independent given the trials. Where they rise and fall together, the least is better than that.
    """
    rng = np.random.default_rng(0)
    orders = [[rng.permutation(len(samples)) for _ in range(samples.shape[2])] for _ in range(SHUFFLES)]
    mixed = [np.stack([samples[row, :, t] for t, row in enumerate(order)], axis=2) for order in orders]
    return np.concatenate(mixed)
