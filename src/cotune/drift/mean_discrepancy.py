"""Maximum mean discrepancy: how far two sets of vectors lie apart in the space of a kernel."""

import numpy as np
from scipy.spatial.distance import pdist, squareform

from cotune.drift.permutation import Array, Statistic


def squared_mmd(vectors: Array) -> Statistic:
    """Gives the statistic MMD^2 of some of `vectors` [row, column] against the rest, each of two rows or more.

    Source: Gretton, Borgwardt, Rasch, Schoelkopf and Smola (2012), A Kernel Two-Sample Test, equation 3 (unbiased, so
    below 0 at times), with a Gaussian kernel whose width is the median distance of all rows (section 8). Where we
    differ: columns are brought to variance 1 over all rows first, since language models have a few columns that would
    outweigh all others, and the p value is by permutation, so that it is exact for few rows as well.
    """
    kernel = gaussian_kernel(standardised(vectors))  # [row, row]
    np.fill_diagonal(kernel, 0.0)
    sums, total = kernel.sum(axis=1), float(kernel.sum())

    def statistic(dealt: Array) -> Array:
        many = dealt.sum(axis=1)  # [deal]
        rest = dealt.shape[1] - many
        inside = ((dealt @ kernel) * dealt).sum(axis=1)  # [deal]
        touching = dealt @ sums  # [deal]
        across, outside = touching - inside, total - 2 * touching + inside
        return np.asarray(inside / (many * (many - 1)) + outside / (rest * (rest - 1)) - 2 * across / (many * rest))

    return statistic


def standardised(vectors: Array) -> Array:
    """Gives vectors whose columns have mean 0 and variance 1; a constant column is 0."""
    spread = vectors.std(axis=0)
    return np.asarray((vectors - vectors.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def gaussian_kernel(vectors: Array) -> Array:
    """Gives exp(-distance^2 / (2 width^2)) of each two rows, [row, row]; the width is the median distance."""
    distances = pdist(vectors)
    width = float(np.median(distances)) or 1.0
    return np.asarray(np.exp(-(squareform(distances) ** 2) / (2 * width**2)))
