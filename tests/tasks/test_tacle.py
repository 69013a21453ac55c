"""TACLE's threshold and class weights, by hand."""

import math

import pytest

from cotune.tasks.tacle import class_weights, threshold


def test_the_threshold_by_hand():
    # 0.5 / (1 + e^0) + 0.65; 0.5 / (1 + 1.648721) + 0.65; 0.5 / (1 + e^4.5 = 90.017131) + 0.65
    found = [threshold(stage) for stage in (1, 2, 10)]
    assert found == pytest.approx([0.9, 0.838770, 0.655494], abs=1e-6)
    assert threshold(3, alpha=1.0, beta=0.2) == pytest.approx(1 / (1 + math.e**2) + 0.2)


def test_it_falls_from_stage_to_stage_and_never_below_beta():
    found = [threshold(stage) for stage in range(1, 30)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)
    assert all(0.65 < value <= 0.9 for value in found)


def test_class_weights_by_hand():
    # scikit-learn's balanced weights of 6, 2 and 4 of 12 rows: 12 / (3 x 6) = 2/3, 2, 1; through 2, plus 1
    assert class_weights({"a": 6, "b": 2, "c": 4}) == pytest.approx({"a": 4 / 3, "b": 2.0, "c": 1.5})
    assert class_weights({"a": 60, "b": 20, "c": 40}) == pytest.approx({"a": 4 / 3, "b": 2.0, "c": 1.5})
    assert class_weights({"a": 5, "b": 5}) == {"a": 2.0, "b": 2.0}


def test_a_class_without_rows_weighs_as_the_rarest():
    assert class_weights({"a": 8, "b": 0, "c": 2}) == {"a": 1.25, "b": 2.0, "c": 2.0}
    assert class_weights({"a": 0}) == {"a": 2.0}
