"""Tallies: what one example adds to a score, kept so that any resample of examples can be scored again."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tally(NamedTuple):
    """One example's share of a ratio: micro-F1 adds (2 tp, 2 tp + fp + fn), a mean adds (value, 1).

    `group` parts the examples for macro averages (one group per label there, one group in all elsewhere).
    """

    group: str
    numerator: float
    denominator: float


Tallies = Sequence[Tally]
"""All that one example adds: usually one tally; two for a wrong label under macro-F1."""


def tally_score(examples: Iterable[Tallies]) -> float:
    """Gives the score in [0, 1]: the mean over groups of sum(numerator) / sum(denominator).

    Groups whose denominators sum to 0 (nothing to find, nothing found) are left out; with none left the score is 0.

    >>> tally_score([[Tally("", 2, 3)], [Tally("", 0, 1)]])
    0.5
    """
    numerators, denominators = tally_arrays(list(examples))
    return float(array_score(numerators.sum(axis=0), denominators.sum(axis=0)))


def tally_arrays(examples: Sequence[Tallies]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gives numerators and denominators as two arrays [example, group], groups in order of name."""
    groups = sorted({tally.group for tallies in examples for tally in tallies})
    column = {group: index for index, group in enumerate(groups)}
    numerators = np.zeros((len(examples), len(groups)))  # [example, group]
    denominators = np.zeros_like(numerators)  # [example, group]
    for row, tallies in enumerate(examples):
        for tally in tallies:
            numerators[row, column[tally.group]] += tally.numerator
            denominators[row, column[tally.group]] += tally.denominator
    return numerators, denominators


def array_score(numerators: NDArray[np.float64], denominators: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the score [...] of summed tallies [..., group]; leading axes are resamples."""
    present = denominators > 0
    ratios = np.divide(numerators, denominators, out=np.zeros_like(numerators), where=present)
    return np.asarray(ratios.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))
