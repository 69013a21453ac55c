"""A priority's loss and that of the others are told along its rising factor, as they are."""

from dataclasses import replace

import pytest
from noisy_runs import bare, pool

from cotune.problem import Problem
from cotune.search.weightings import sweep
from cotune.trial import TaskResult
from cotune.verdict.tradeoff import tradeoff
from cotune.verdict.weightings import weigh


def test_a_trade_off_is_told_along_the_rising_factor():
    trio = Problem(pool("abc"), ["a"])
    asked = sweep(list("abc"), "a")
    own, rest = [3.0, 2.5, 2.0, 1.5, 1.2, 1.0], [1.0, 1.1, 1.05, 1.3, 1.4, 1.5]
    trials = []
    for mixture, mine, other in zip(asked, own, rest, strict=True):
        results = {"a": TaskResult(0.5, mine), "b": TaskResult(loss=other - 0.5), "c": TaskResult(loss=other + 0.5)}
        trials.append(replace(bare(mixture, 0.5), results=results))
    found = tradeoff(weigh(trio, trials, asked[::-1]).lines, "a")
    assert found.factors == pytest.approx((0.25, 0.5, 1, 2, 4, 8))
    assert found.own == tuple(own)
    assert found.rest == pytest.approx(rest)
    assert found.sentence == (
        "As the factor of a goes from 0.25 to 8, its dev loss falls from 3.000 to 1.000, at every step; the mean loss "
        "of b, c rises from 1.000 to 1.500, but not at every step."
    )
    assert tradeoff(weigh(trio, trials[:1], asked).lines, "a") is None


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((3.0, 2.5, 2.6, 2.0, 1.5, 1.0), "its dev loss falls from 3.000 to 1.000, but not at every step"),
        ((1.0, 1.1, 1.2, 1.3, 1.4, 1.5), "its dev loss rises from 1.000 to 1.500, at every step"),
        ((2.0, 1.0, 1.0, 1.0, 1.0, 2.0001), "its dev loss ends at 2.000, where it began"),
    ],
)
def test_a_fall_is_said_to_be_steady_only_where_it_is(losses, said):
    pair = Problem(pool("ab"), ["a"])
    asked = sweep(list("ab"), "a")
    results = [{"a": TaskResult(0.5, loss), "b": TaskResult(loss=1.0)} for loss in losses]
    trials = [replace(bare(mixture, 0.5), results=made) for mixture, made in zip(asked, results, strict=True)]
    assert said in tradeoff(weigh(pair, trials, asked).lines, "a").sentence
