"""The maximum mean discrepancy is what its formula says, and finds sets that differ in more than their means."""

import numpy as np
import pytest

from cotune.drift.mean_discrepancy import gaussian_kernel, squared_mmd, standardised
from cotune.drift.permutation import permutation_test


def taken(baseline, new):
    return np.repeat([0.0, 1.0], [baseline, new])[None]


def test_by_hand():
    """-1, -1 against 1, 1: distances 0, 0, 2, 2, 2, 2, so the width is 2 and MMD^2 = 1 + 1 - 2 exp(-4 / 8)."""
    found = squared_mmd(np.array([[3.0], [3.0], [5.0], [5.0]]))(taken(2, 2))
    assert found == pytest.approx([2 - 2 * np.exp(-0.5)])


def test_as_in_equation_3():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(9, 4))
    kernel = gaussian_kernel(standardised(vectors))
    x, y = range(5), range(5, 9)
    inside = [np.mean([kernel[i, j] for i in rows for j in rows if i != j]) for rows in (x, y)]
    across = np.mean([kernel[i, j] for i in x for j in y])
    assert squared_mmd(vectors)(taken(5, 4)) == pytest.approx([sum(inside) - 2 * across])


def test_no_column_outweighs_the_others():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 3))
    large = vectors * [1.0, 1e4, 1.0] + [0.0, 7.0, 0.0]
    assert squared_mmd(large)(taken(12, 8)) == pytest.approx(squared_mmd(vectors)(taken(12, 8)))
    assert np.isfinite(squared_mmd(np.ones((6, 2)))(taken(3, 3))).all()


def test_sets_of_one_mean_and_another_shape_are_told_apart():
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(size=(60, 5)), rng.normal(size=(60, 5)) * 2
    apart = permutation_test(squared_mmd(np.concatenate([narrow, wide])), 60, 60, rng, count=199)
    alike = permutation_test(squared_mmd(rng.normal(size=(120, 5))), 60, 60, rng, count=199)
    assert apart.p == 0.005
    assert alike.p > 0.05
