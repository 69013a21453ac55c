"""The largest gap of two distributions is that of Kolmogorov and Smirnov, ties included."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from cotune.drift.distribution_gap import largest_gap


def gap(baseline, new):
    taken = np.repeat([0.0, 1.0], [len(baseline), len(new)])[None]
    return largest_gap(np.array([*baseline, *new], dtype=float))(taken)[0]


def test_by_hand():
    """At 1: 1/4 against 0. At 2: 3/4 against 1/3, the most. At 3: all."""
    assert gap([1, 2, 2, 3], [3, 2, 3]) == pytest.approx(5 / 12)
    assert gap([5, 5], [5]) == 0
    assert gap([1, 1], [2]) == 1


def test_as_scipy_has_it():
    rng = np.random.default_rng(0)
    for _ in range(20):
        before, after = rng.integers(0, 9, rng.integers(2, 30)), rng.integers(0, 9, rng.integers(2, 30))
        assert gap(before, after) == pytest.approx(ks_2samp(before, after).statistic)
