"""How often each label is given in two sets of rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cotune.drift.permutation import Array, Statistic


class Moved(NamedTuple):
    """The label whose share of the rows moved most, and its shares in [0, 1]."""

    label: str
    baseline: float
    new: float


def chi_square(labels: Sequence[str]) -> Statistic:
    """Gives the chi-square statistic of homogeneity of the labels of some rows against the rest.

    It is the sum of (observed - expected)^2 / expected over both sets and all labels (Pearson, 1900, On the Criterion
    that a Given System of Deviations ...). Its usual p value wants five rows or so in each cell; that of a permutation
    test does not, so that rare labels need not be left out.
    """
    given = sorted(set(labels))
    is_of = np.array([[float(label == name) for name in given] for label in labels])  # [row, label]
    totals = is_of.sum(axis=0)  # [label]

    def statistic(dealt: Array) -> Array:
        share = dealt.sum(axis=1, keepdims=True) / dealt.shape[1]  # [deal, 1]
        gap = (dealt @ is_of - share * totals) ** 2  # [deal, label], equal in both sets
        return np.asarray((gap / (share * totals) + gap / ((1 - share) * totals)).sum(axis=1))

    return statistic


def most_moved(baseline: Sequence[str], new: Sequence[str]) -> Moved:
    """Gives the label whose share moved most; of equal ones the first by name.

    >>> most_moved(["yes", "no", "no", "no"], ["yes", "yes"]).label
    'no'
    """
    shares = [
        Moved(name, baseline.count(name) / len(baseline), new.count(name) / len(new))
        for name in sorted({*baseline, *new})
    ]
    return max(shares, key=lambda moved: round(abs(moved.new - moved.baseline), 12))
