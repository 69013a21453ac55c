"""The paired difference of losses is a ratio estimator with its standard error."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from cotune.verdict.loss_gap import loss_gap


def made(rows=40, seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 9, rows).astype(float)
    ours, theirs = tokens * rng.gamma(2, 1, rows), tokens * rng.gamma(2, 1, rows)
    return ours, theirs, tokens


def test_by_hand():
    # differences 2, -1, 2 over 1, 2, 1 tokens: 3/4 a token; off by 5/4, -10/4, 5/4; error sqrt(3/2 * 150/16) / 4
    gap = loss_gap(np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 1.0]))
    assert (gap.mean, gap.rows) == (0.75, 3)
    assert gap.error == pytest.approx(np.sqrt(1.5 * 9.375) / 4)
    low, high = gap.interval()
    assert (high - low) / 2 == pytest.approx(4.302652730 * gap.error)  # Student's t, 2 degrees of freedom, 97.5 %
    assert gap.is_below(0.05) is False


def test_of_rows_of_one_length_it_is_the_paired_t_test():
    ours, theirs, _ = made()
    gap = loss_gap(ours, theirs, np.full(40, 1.0))
    test = ttest_rel(ours, theirs)
    expected = test.confidence_interval(0.95)
    assert gap.interval() == pytest.approx((expected.low, expected.high))
    p = ttest_rel(ours, theirs, alternative="less").pvalue
    assert gap.is_below(p * 1.001)
    assert not gap.is_below(p * 0.999)


def test_turned_round_it_is_its_opposite_and_a_unit_of_loss_is_only_a_unit():
    ours, theirs, tokens = made()
    gap, back, double = (
        loss_gap(ours, theirs, tokens),
        loss_gap(theirs, ours, tokens),
        loss_gap(2 * ours, 2 * theirs, tokens),
    )
    assert (back.mean, back.error) == (-gap.mean, pytest.approx(gap.error))
    assert (double.mean, double.error) == (pytest.approx(2 * gap.mean), pytest.approx(2 * gap.error))


def test_what_is_the_same_for_each_token_has_no_error():
    _, theirs, tokens = made()
    gap = loss_gap(theirs - 0.5 * tokens, theirs, tokens)
    assert gap.mean == pytest.approx(-0.5)
    assert gap.error < 1e-12
    assert gap.is_below(0.001)
    same = loss_gap(theirs, theirs, tokens)
    assert (same.interval(), same.is_below(0.4)) == ((0.0, 0.0), False)


def test_its_error_is_how_much_it_varies_and_a_test_errs_as_often_as_it_says():
    gaps = [loss_gap(*made(seed=seed)) for seed in range(2000)]
    assert np.mean([gap.error for gap in gaps]) == pytest.approx(np.std([gap.mean for gap in gaps]), rel=0.06)
    assert 0.035 < np.mean([gap.is_below(0.05) for gap in gaps]) < 0.065
