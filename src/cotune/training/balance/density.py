"""Density ratios of texts: how many times as often a row would occur in one set as in another."""

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array

from cotune.training.balance.contract import Array

WIDTH = 1 << 14
"""Columns that n-grams are hashed to."""

FOLDS = 2
FAR = 100.0
"""Ratios are held within 1 / 100 and 100: further out there are no rows to tell by."""


def density_ratios(
    wanted: Sequence[Sequence[int]], others: Sequence[Sequence[int]], *, seed: int = 0, penalty: float = 1e-3
) -> Array:
    """Gives density among `wanted` / density among `others` for each of the others [row], 1 on average.

    Rows are tokens. A logistic regression on hashed token pairs and tokens tells the two sets apart, both with the same
    weight in all, so that its odds are the ratio; each half of the rows is judged by what the other half taught.
    Source: Bickel, Brueckner and Scheffer (2009), "Discriminative Learning Under Covariate Shift".
    """
    x = features([*wanted, *others])
    y = np.repeat([1.0, 0.0], [len(wanted), len(others)])
    fold = np.random.default_rng(seed).permutation(len(y)) % FOLDS
    odds = np.ones(len(y))
    for part in range(FOLDS):
        kept = fold != part
        if y[kept].any() and not y[kept].all():
            line = fitted(x[kept], y[kept], penalty)
            odds[fold == part] = np.exp(x[fold == part] @ line[:-1] + line[-1])
    ratios = odds[len(wanted) :].clip(1 / FAR, FAR)
    ratios /= ratios.mean()
    return np.asarray(ratios)


def features(rows: Sequence[Sequence[int]]) -> csr_array:
    """Gives which tokens and pairs of tokens a row has, hashed, each row of length 1, [row, column]."""
    columns = [sorted(_columns(row)) for row in rows]
    counts = [len(each) for each in columns]
    values = np.repeat([1 / np.sqrt(max(count, 1)) for count in counts], counts)
    edges = np.concatenate([[0], np.cumsum(counts)])
    flat = np.array([column for each in columns for column in each], dtype=np.int64)
    return csr_array((values, flat, edges), shape=(len(rows), WIDTH))


def _columns(row: Sequence[int]) -> set[int]:
    ones = {(token * 2654435761 >> 7) % WIDTH for token in row}
    return ones | {((a * 2654435761 ^ b * 40503 * 65599) >> 5) % WIDTH for a, b in itertools.pairwise(row)}


def fitted(x: csr_array, y: Array, penalty: float) -> Array:
    """Gives the coefficients of a logistic regression and, last, its constant, [column + 1]; classes weigh the same."""
    weight = np.where(y == 1, 0.5 / max(y.sum(), 1), 0.5 / max((1 - y).sum(), 1))
    sign = 2 * y - 1

    def cost(line: Array) -> tuple[float, Array]:
        margin = sign * (x @ line[:-1] + line[-1])
        pull = -weight * sign / (1 + np.exp(margin.clip(-500, 500)))
        slope = np.append(x.T @ pull + penalty * line[:-1], pull.sum())
        return float(weight @ np.logaddexp(0, -margin) + penalty / 2 * line[:-1] @ line[:-1]), slope

    found = minimize(cost, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x)
