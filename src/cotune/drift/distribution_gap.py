"""The largest gap between the distributions of a number in two sets of rows."""

import numpy as np

from cotune.drift.permutation import Array, Statistic


def largest_gap(values: Array) -> Statistic:
    """Gives the statistic of Kolmogorov and Smirnov for some of `values` [row] against the rest.

    It is the largest difference between the shares of both that lie at or below a number (Smirnov, 1948, Table for
    Estimating the Goodness of Fit of Empirical Distributions). Counts of words are often equal, under which its usual
    p value is too large; that of a permutation test is not.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # of equal values

    def statistic(dealt: Array) -> Array:
        chosen = dealt[:, order]
        many = chosen.sum(axis=1, keepdims=True)
        mine = chosen.cumsum(axis=1)[:, last] / many
        others = (1 - chosen).cumsum(axis=1)[:, last] / (chosen.shape[1] - many)
        return np.asarray(np.abs(mine - others).max(axis=1))

    return statistic
