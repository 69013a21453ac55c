"""The paired difference of two models' losses on the same rows."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LossGap:
    """By how many nats a token one model's loss is above another's, with the standard error over `rows` rows."""

    mean: float
    error: float
    rows: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Gives the two-sided interval, from Student's t with rows - 1 degrees of freedom."""
        reach = float(stdtrit(self.rows - 1, (1 + level) / 2)) * self.error
        return self.mean - reach, self.mean + reach

    def is_below(self, chance: float) -> bool:
        """Whether it lies below 0 by a one-sided test that no difference passes with probability `chance` only."""
        return self.mean < -float(stdtrit(self.rows - 1, 1 - chance)) * self.error


def loss_gap(ours: Array, theirs: Array, tokens: Array) -> LossGap:
    """Gives the difference `ours` minus `theirs` of summed losses [row] over `tokens` [row], at least two rows.

    A loss is a mean over tokens, that is a ratio of two sums over rows; rows are what was drawn. So the error is that
    of a ratio estimator (Cochran, 1977, Sampling Techniques, section 6.4, without the finite population's factor): of
    what each row's difference is off from the mean difference for its tokens.

    >>> loss_gap(np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.array([1.0, 1.0]))
    LossGap(mean=-0.5, error=0.5, rows=2)
    """
    difference, rows, total = ours - theirs, len(tokens), float(tokens.sum())
    mean = float(difference.sum()) / total
    off = difference - mean * tokens  # [row]
    error = sqrt(rows / (rows - 1) * float(off @ off)) / total
    return LossGap(mean, error, rows)
