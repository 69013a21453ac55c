"""Permutation tests: how rarely rows that are dealt out by chance differ as much as those that came."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]
"""From which rows are taken as new, [deal, row] of 0 and 1, to how much they differ from the rest, [deal]."""

PERMUTATIONS = 1_999
"""The smallest p value is 1 / 2,000: enough for an alpha of 0.05 held to by four checks together, many times over."""

ROOM = 5
"""So many times below the strictest level lies the smallest p value, at least."""

CELLS = 1 << 22
"""Cells that are held in memory at once."""

TIE = 1e-9
"""Statistics that differ by less, relatively, are equal: sums in another order round otherwise."""


class Tested(NamedTuple):
    """A statistic as observed, and its p value."""

    statistic: float
    p: float


def permutation_test(
    statistic: Statistic, baseline: int, new: int, rng: np.random.Generator, *, count: int = PERMUTATIONS
) -> Tested:
    """Gives the statistic of the last `new` of all rows against the first `baseline`, and its p value.

    The p value is (1 + deals that differ as much) / (1 + deals), which holds its level for any statistic and any number
    of rows (Phipson and Smyth, 2010, Permutation P-values Should Never Be Zero), if rows are independent and
    both sets come from one source. Cost: what `statistic` takes on [count, row].
    """
    real = np.repeat([0.0, 1.0], [baseline, new])[None]
    observed = float(statistic(real)[0])
    least = observed - TIE * abs(observed)
    as_much = sum(int((statistic(dealt) >= least).sum()) for dealt in deals(baseline, new, rng, count=count))
    return Tested(observed, (1 + as_much) / (1 + count))


def enough(alpha: float, checks: int) -> int:
    """Gives how many deals let each of `checks` alarm under Holm's procedure, which holds the first to alpha / checks.

    >>> enough(0.05, 4), enough(0.001, 4)
    (1999, 19999)
    """
    return max(PERMUTATIONS, ceil(ROOM * checks / alpha) - 1)


def deals(baseline: int, new: int, rng: np.random.Generator, *, count: int) -> Iterator[Array]:
    """Yields `count` random choices of `new` rows among all, some at a time, [deal, row] of 0 and 1."""
    real = np.repeat([0.0, 1.0], [baseline, new])
    for many in chunks(count, len(real)):
        yield rng.permuted(np.tile(real, (many, 1)), axis=1)


def chunks(count: int, width: int) -> Iterator[int]:
    """Yields parts of `count` lines of `width` cells that fit into memory.

    >>> list(chunks(5, CELLS // 2))
    [2, 2, 1]
    """
    most = max(CELLS // max(width, 1), 1)
    for start in range(0, count, most):
        yield min(most, count - start)
