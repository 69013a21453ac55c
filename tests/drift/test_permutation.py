"""Permutation tests hold their level for any statistic, and count what is tied."""

import numpy as np
import pytest

from cotune.drift.permutation import deals, permutation_test


def mean_gap(values):
    return lambda dealt: dealt @ values / dealt.sum(axis=1) - (1 - dealt) @ values / (1 - dealt).sum(axis=1)


def test_every_deal_takes_as_many_rows_and_all_rows_come_up():
    drawn = np.concatenate(list(deals(5, 3, np.random.default_rng(0), count=4000)))
    assert drawn.shape == (4000, 8)
    assert set(drawn.sum(axis=1)) == {3.0}
    assert drawn.mean(axis=0) == pytest.approx(3 / 8, abs=0.03)


def test_p_is_the_share_of_deals_that_differ_as_much():
    """Of 20 ways to take 3 of 6 rows one differs as much as the largest three; equal rows tie with all."""
    values = np.arange(6.0)
    found = permutation_test(mean_gap(values), 3, 3, np.random.default_rng(0), count=9_999)
    assert found.statistic == 3.0
    assert found.p == pytest.approx(1 / 20, abs=0.008)
    assert permutation_test(mean_gap(np.full(6, 0.1)), 3, 3, np.random.default_rng(0)).p == 1.0


def test_p_is_never_zero():
    values = np.repeat([0.0, 1.0], 50)
    assert permutation_test(mean_gap(values), 50, 50, np.random.default_rng(0), count=99).p == 0.01


def test_level_is_held():
    rng = np.random.default_rng(1)
    ps = [permutation_test(mean_gap(rng.exponential(size=23)), 15, 8, rng, count=199).p for _ in range(1000)]
    for level in (0.05, 0.2):
        assert np.mean(np.array(ps) <= level) == pytest.approx(level, abs=3 * (level * (1 - level) / 1000) ** 0.5)
