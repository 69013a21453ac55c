"""Bootstrap intervals over problems."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def mean(resamples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives means [resample] of `resamples` [resample, problem]."""
    return np.asarray(resamples.mean(axis=1))


def interval(
    values: Sequence[float], statistic: Statistic = mean, *, resamples: int = 10_000, level: float = 0.95
) -> tuple[float, float, float]:
    """Gives the statistic of one value a problem, and its percentile bootstrap interval (Efron 1979), problems drawn.

    >>> interval([1.0, 1.0, 1.0])
    (1.0, 1.0, 1.0)
    """
    data = np.array(values, dtype=float)  # [problem]
    low, high = np.quantile(statistic(data[_drawn(len(data), resamples)]), [(1 - level) / 2, (1 + level) / 2])
    return float(statistic(data[None])[0]), float(low), float(high)


@lru_cache
def _drawn(problems: int, resamples: int) -> NDArray[np.int64]:
    """Draws problems with replacement [resample, problem], the same for every figure."""
    return np.random.default_rng(0).integers(problems, size=(resamples, problems))
