"""A grid over the simplex holds every weighting once; a sweep moves one factor alone."""

from itertools import pairwise
from math import comb

import pytest

from cotune.mixture import Mixture
from cotune.search.weightings import FACTORS, MOST, simplex, sweep
from cotune.verdict.weightings import weights_of


@pytest.mark.parametrize(
    ("names", "step", "count"),
    [("abc", 0.1, 36), ("ab", 0.1, 9), ("abcd", 0.1, 84), ("abc", 0.25, 3), ("ab", 0.01, 99)],
)
def test_a_grid_has_every_positive_weighting_once(names, step, count):
    found = simplex(list(names), step)
    assert len(found) == len(set(found)) == count == comb(round(1 / step) - 1, len(names) - 1)
    for weighting in found:
        weights = weights_of(weighting)
        assert sum(weights.values()) == pytest.approx(1)
        assert all(weight / step == pytest.approx(round(weight / step)) for weight in weights.values())
        assert min(weights.values()) >= step - 1e-12


def test_it_is_in_order_of_the_datasets_as_they_are_named():
    rows = [tuple(weights_of(weighting)[name] for name in "cab") for weighting in simplex(list("cab"), 0.1)]
    assert rows == sorted(rows)
    assert rows[0] == pytest.approx((0.1, 0.1, 0.8))
    assert rows[-1] == pytest.approx((0.8, 0.1, 0.1))


def test_a_finer_grid_holds_a_coarser_one():
    assert set(simplex(list("abc"), 0.2)) < set(simplex(list("abc"), 0.1))


def test_a_sweep_moves_the_factor_of_the_priority_alone():
    found = [weighting.to_json() for weighting in sweep(list("bca"), "c")]
    assert [parts["c"] / parts["a"] for parts in found] == [0.25, 0.5, 1, 2, 4, 8]
    assert all(parts["a"] == parts["b"] for parts in found)
    assert all(later[0] * earlier[1] > earlier[0] * later[1] for earlier, later in pairwise(FACTORS))
    assert sweep(list("bca"), "c")[2] == Mixture.of("abc")


@pytest.mark.parametrize("step", [0.0, -0.1, 0.3, 0.15, 1.0, 0.6, 0.001, 1e-320, float("nan"), float("inf")])
def test_a_step_that_does_not_divide_1_is_refused(step):
    with pytest.raises(ValueError, match=r"divides 1, as 0\.1"):
        simplex(list("ab"), step)


@pytest.mark.parametrize(
    ("names", "step", "words"),
    [
        ("abcd", 0.05, "969 weightings of 4 datasets"),
        ("abc", 0.01, "4,851 weightings"),
        ("abc", 0.5, "gives 0 weightings of 3 datasets"),
        ("ab", 0.5, "gives 1 weightings of 2 datasets"),
    ],
)
def test_a_grid_that_is_too_fine_or_too_coarse_is_refused_with_its_count(names, step, words):
    with pytest.raises(ValueError, match=words):
        simplex(list(names), step)
    assert MOST == 200
