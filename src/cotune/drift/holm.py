"""Holm's procedure: several checks whose false alarms are held together."""

from collections.abc import Sequence
from typing import NamedTuple


class Judged(NamedTuple):
    """The level that a check was held to, and whether its p value keeps to it."""

    level: float
    is_rejected: bool


def holm(p_values: Sequence[float], alpha: float) -> list[Judged]:
    """Judges p values so that, of all that are true, any is rejected with a probability of `alpha` at most.

    The smallest is held to alpha / n, the next to alpha / (n - 1) and so on, up to the first that fails; all others
    are held to that one's level (Holm, 1979, A Simple Sequentially Rejective Multiple Test Procedure). The checks may
    hang together in any way.

    >>> [judged.is_rejected for judged in holm([0.04, 0.01, 0.2], 0.05)]
    [False, True, False]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    judged: dict[int, Judged] = {}
    level, is_open = alpha, True
    for rank, place in enumerate(order):
        if is_open:
            level = alpha / (len(order) - rank)
            is_open = p_values[place] <= level
        judged[place] = Judged(level, is_open)
    return [judged[place] for place in range(len(p_values))]
