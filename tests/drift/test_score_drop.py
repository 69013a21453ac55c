"""The change of a score has the interval of two independent sets, and its p value goes with it."""

import numpy as np
import pytest

from cotune.drift.permutation import permutation_test
from cotune.drift.score_drop import Change, change, drop_statistic
from cotune.tally import Tally, tally_score


def accuracy(right, wrong):
    return [(Tally("", 1, 1),)] * right + [(Tally("", 0, 1),)] * wrong


def rng():
    return np.random.default_rng(0)


def test_the_drop_by_hand():
    """3 of 4 before, 1 of 2 after; F1 of 2/3 before and 0 of 4 after."""
    taken = np.array([[0.0, 0.0, 0.0, 0.0, 1.0, 1.0]])
    assert drop_statistic(accuracy(3, 1), accuracy(1, 1))(taken) == pytest.approx([0.25])
    f1 = [(Tally("", 2, 3),)], [(Tally("", 0, 4),)]
    assert drop_statistic(*f1)(np.array([[0.0, 1.0]])) == pytest.approx([2 / 3])


def test_the_drop_of_a_macro_average_is_that_of_scores():
    draw = np.random.default_rng(3)
    rows = [(Tally("abc"[draw.integers(3)], float(draw.integers(2)), 1.0),) for _ in range(30)]
    taken = np.repeat([0.0, 1.0], [18, 12])[None]
    expected = tally_score(rows[:18]) - tally_score(rows[18:])
    assert drop_statistic(rows[:18], rows[18:])(taken) == pytest.approx([expected])


def test_the_interval_is_that_of_two_proportions():
    """0.8 and 0.7 of 400 rows each: the standard error is sqrt((0.16 + 0.21) / 400) = 0.0304, a tail of 5 % 1.645."""
    found = change(accuracy(320, 80), accuracy(280, 120), rng())
    assert found.difference == pytest.approx(-0.1)
    assert found.interval(0.05) == pytest.approx((-0.1 - 1.645 * 0.0304, -0.1 + 1.645 * 0.0304), abs=0.006)


@pytest.mark.parametrize("tail", [0.05, 0.0125, 0.05 / 3, 0.2])
def test_the_interval_lies_below_the_margin_just_where_p_keeps_to_the_level(tail):
    errors = np.sort(np.random.default_rng(1).normal(size=9_999))
    for difference in np.linspace(-3, -0.5, 60):
        for margin in (0.0, 0.3):
            found = Change(float(difference), errors)
            assert (found.interval(tail)[1] < -margin) == (found.p(margin) <= tail)


def test_coverage_of_the_interval():
    draw, held = np.random.default_rng(2), 0
    for _ in range(300):
        before, after = draw.binomial(60, 0.75), draw.binomial(40, 0.6)
        found = change(accuracy(before, 60 - before), accuracy(after, 40 - after), draw, resamples=399)
        low, high = found.interval(0.05)
        held += low <= -0.15 <= high
    assert 0.84 <= held / 300 <= 0.95


def test_few_rows_are_no_evidence():
    """The bootstrap of two wrong rows has no spread, so that its interval alone would alarm; the deals know better."""
    before, after = accuracy(9, 3), accuracy(0, 2)
    assert change(before, after, rng()).interval(0.05)[1] < 0
    assert permutation_test(drop_statistic(before, after), 12, 2, rng()).p > 0.05
