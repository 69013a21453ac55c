"""By how much a score fell between two independent sets of rows, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from cotune.drift.permutation import Array, Statistic, chunks
from cotune.tally import Tallies, array_score, tally_arrays

RESAMPLES = 9_999
"""The fewest that an interval is taken from."""
ROUNDING = 1e-9


def drop_statistic(baseline: Sequence[Tallies], new: Sequence[Tallies]) -> Statistic:
    """Gives the statistic: by how much the score of some rows lies below that of the rest."""
    numerators, denominators = tally_arrays([*baseline, *new])  # [row, group]

    def statistic(dealt: Array) -> Array:
        mine = array_score(dealt @ numerators, dealt @ denominators)
        return np.asarray(array_score((1 - dealt) @ numerators, (1 - dealt) @ denominators) - mine)

    return statistic


@dataclass(frozen=True)
class Change:
    """The new score minus the baseline's, with how that difference errs by the choice of rows, [resample], sorted."""

    difference: float
    errors: Array

    def interval(self, tail: float) -> tuple[float, float]:
        """Gives the interval that leaves `tail` on either side; it lies below -margin where p(margin) <= `tail`."""
        out = max(int(tail * (1 + len(self.errors)) + ROUNDING), 1)
        return self.difference + float(self.errors[out - 1]), self.difference + float(self.errors[-out])

    def p(self, margin: float) -> float:
        """Gives the smallest tail under which the interval lies below -`margin`."""
        above = int((self.difference + self.errors >= -margin).sum())
        return (1 + above) / (1 + len(self.errors))


def change(
    baseline: Sequence[Tallies], new: Sequence[Tallies], rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> Change:
    """Gives the change of a score, with the bootstrap of both sets apart, since their rows are others.

    The errors are those of a percentile bootstrap around its own mean, stretched by sqrt(n / (n - 1)) as in the
    verdict's paired intervals (Efron and Tibshirani, 1993, An Introduction to the Bootstrap, sections 8.3 and 13.3).
    Both sets have two rows or more. Cost: resamples x rows x groups multiplications.
    """
    first, before = _errors(baseline, rng, resamples)
    second, after = _errors(new, rng, resamples)
    return Change(after - before, np.sort(second - first))


def _errors(rows: Sequence[Tallies], rng: np.random.Generator, resamples: int) -> tuple[Array, float]:
    """Gives how a score errs by the choice of its rows, [resample], and the score."""
    numerators, denominators = tally_arrays(rows)  # [row, group]
    n = len(rows)
    drawn = []
    for many in chunks(resamples, n):
        picks = rng.integers(0, n, (many, n)) + n * np.arange(many)[:, None]
        counts = np.bincount(picks.ravel(), minlength=many * n).reshape(many, n).astype(float)  # [resample, row]
        drawn.append(array_score(counts @ numerators, counts @ denominators))
    again = np.concatenate(drawn)
    score = float(array_score(numerators.sum(axis=0), denominators.sum(axis=0)))
    return np.asarray((again - again.mean()) * sqrt(n / (n - 1))), score
