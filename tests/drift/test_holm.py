"""Holm's procedure by hand, and what it holds."""

import numpy as np
import pytest

from cotune.drift.holm import holm


@pytest.mark.parametrize(
    ("p_values", "levels", "rejected"),
    [
        ([0.04, 0.01, 0.02], [0.05, 0.05 / 3, 0.025], [True, True, True]),
        ([0.04, 0.01, 0.03], [0.025, 0.05 / 3, 0.025], [False, True, False]),
        ([0.02, 0.03, 0.5], [0.05 / 3, 0.05 / 3, 0.05 / 3], [False, False, False]),
        ([0.05], [0.05], [True]),
        ([], [], []),
    ],
)
def test_by_hand(p_values, levels, rejected):
    found = holm(p_values, 0.05)
    assert [judged.level for judged in found] == pytest.approx(levels)
    assert [judged.is_rejected for judged in found] == rejected


def test_a_p_value_keeps_to_its_level_just_where_it_is_rejected():
    rng = np.random.default_rng(0)
    for _ in range(300):
        p_values = list(rng.uniform(size=4) ** 3)
        for p, judged in zip(p_values, holm(p_values, 0.1), strict=True):
            assert (p <= judged.level) == judged.is_rejected


def test_any_false_alarm_is_as_rare_as_said():
    rng = np.random.default_rng(1)
    alarms = [any(judged.is_rejected for judged in holm(list(rng.uniform(size=4)), 0.05)) for _ in range(4000)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.011)
