"""One search on one table: budgets, refusals, figures."""

import numpy as np
import pytest
from benchmarks import methods
from benchmarks.case import Case, Rules
from benchmarks.pools import Pool
from benchmarks.searching import PATIENCE, run, search

from cotune import Mixture, Request
from cotune import search as own
from cotune.testing import Table
from cotune.trial import Proposal


def pool(*masks: int, tasks: int = 4) -> Pool:
    """A pool with the runs of `masks` (all of them by default); more datasets score higher."""
    mask = np.array(masks or range(1, 2**tasks))
    parts = (mask[:, None] >> np.arange(tasks)) & 1  # [run, task]
    scores = parts.sum(axis=1, keepdims=True) + 0.01 * np.arange(tasks)
    return Pool("group", "name", Table(tuple("abcdefgh"[:tasks]), parts, scores))


def case(sampler, monkeypatch, *masks: int) -> Case:
    """A search for a with `sampler`."""
    monkeypatch.setitem(globals(), "chosen_sampler", sampler)
    return Case(pool(*masks), ("a",), f"{__name__}:chosen_sampler", 0)


def asks(*requests: Request):
    """A sampler that asks for the given requests, one after another, whatever it is told."""
    return lambda problem, finished, pending, rng, count: [
        Proposal(request, "mine") for request in requests[len(finished) : len(finished) + count]
    ]


def requests(*mixtures: str) -> list[Request]:
    return [Request(Mixture.of(mixture)) for mixture in mixtures]


def mixtures(runs) -> list[str]:
    return ["".join(run.trial.request.mixture.names) for run in runs]


def test_what_a_row_says_is_the_best_of_what_was_run(monkeypatch):
    searched = case(asks(*requests("a", "ab", "abc")), monkeypatch)
    rows = run(searched, Rules((1, 2, 48)))
    scores = np.array([1, 2, 2, 2, 3, 3, 3, 4])
    expected = [(4 - score) / (4 - scores.mean()) for score in (1, 2, 3)]
    assert [row["nregret"] for row in rows] == pytest.approx(expected)
    assert [row["rank_percent"] for row in rows] == [100, 62.5, 25]
    assert [row["runs"] for row in rows] == [1, 2, 3]
    assert not any(row["top1"] or row["top1pct"] for row in rows)


def test_the_best_is_first_and_in_the_top_one_percent(monkeypatch):
    (row,) = run(case(asks(*requests("abcd")), monkeypatch), Rules((1,)))
    assert (row["nregret"], row["rank_percent"], row["top1"], row["top1pct"]) == (0, 12.5, True, True)


@pytest.mark.parametrize(
    "refused",
    [
        Request(Mixture.of("a")),
        Request(Mixture.of("a"), seed=1),
        Request(Mixture.of("bc")),
        Request(Mixture.of("abc"), fidelity=0.5),
        Request(Mixture.of({"a": 2, "b": 1})),
    ],
    ids=["made before", "repeat", "without the target", "part of the budget", "parts"],
)
def test_what_the_table_cannot_answer_is_refused_at_no_cost(monkeypatch, refused):
    told = []
    asked = asks(*requests("a"), refused, *requests("ab"))

    def listening(problem, finished, pending, rng, count):
        told[:] = finished
        return asked(problem, finished, pending, rng, count)

    searched = search(case(listening, monkeypatch), Rules((2,)), 2)
    assert mixtures(searched) == ["a", "ab"]
    assert [run.refused for run in searched] == [0, 1]
    assert told[-1].request == refused
    assert not told[-1].is_finished


def test_with_noise_a_repeat_is_a_run(monkeypatch):
    repeat = Request(Mixture.of("a"), seed=1)
    searched = search(case(asks(*requests("a"), repeat, repeat, *requests("ab")), monkeypatch), Rules((3,), noise=1), 3)
    assert mixtures(searched) == ["a", "a", "ab"]
    first, second = (run.trial.results["a"].score for run in searched[:2])
    assert first != second


def test_after_many_refusals_the_nearest_run_stands_in(monkeypatch):
    stubborn = case(lambda *_: [Proposal(request, "mine") for request in requests("abcd")], monkeypatch, 1, 3, 7, 2)
    searched = search(stubborn, Rules((9,)), 9)
    assert mixtures(searched) == ["abc", "ab", "a"]
    assert [run.refused for run in searched] == [PATIENCE, 2 * PATIENCE, 3 * PATIENCE]


def test_a_sampler_of_ours_searches_what_a_study_holds():
    few = pool(1, 3, 5, 15, 13)
    found = {
        name: search(Case(few, ("a",), name, 0), Rules((5,)), 5) for name in ("greedy_forward", "random", "process")
    }
    assert mixtures(found["greedy_forward"]) == ["a", "ab", "ac"]  # no step from there was run
    assert {*mixtures(found["random"])} == {*mixtures(found["process"])} == {"a", "ab", "ac", "abcd", "acd"}


def test_a_batch_never_spends_more_than_the_budget():
    searched = search(Case(pool(), ("a",), "random", 0), Rules((7,), batch=4), 7)
    assert len(searched) == 7


def test_only_methods_that_plan_are_told_their_budget(monkeypatch):
    budgets = []

    def plan(budget):
        budgets.append(budget)
        return own.random

    monkeypatch.setitem(globals(), "chosen_plan", plan)
    monkeypatch.setattr(methods, "PLANNED", {"plan": ""})
    monkeypatch.setattr(methods, "METHODS", {"plan": f"{__name__}:chosen_plan", "random": "cotune.search:random"})
    rows = run(Case(pool(), ("a",), "plan", 0), Rules((2, 4)))
    assert budgets == [2, 4]
    assert [row["runs"] for row in rows] == [2, 4]


def test_methods_and_groups_are_found_and_what_is_missing_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(methods, "PACKAGES", {"random": "no_such_package"})
    assert "random" not in methods.chosen([], tell=told.append)
    assert "no_such_package" in told[0]
    with pytest.raises(ValueError, match="no_such_package"):
        methods.chosen(["random"], tell=told.append)
    assert methods.chosen(["all", "cotune.search:random", "all"], tell=told.append) == ("all", "cotune.search:random")


def test_a_case_may_hold_its_sampler():
    unnamed = Case(pool(), ("a",), "no such method", 0, asks(*requests("a", "abc")))
    assert mixtures(search(unnamed, Rules((2,)), 2)) == ["a", "abc"]
