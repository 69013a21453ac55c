"""What is to be kept decides who may win, and is said with its interval."""

import pytest
from noisy_runs import HIT, MISS, bare, pool, records

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.trial import ExampleResults, Record, Request, TaskResult, Trial
from cotune.verdict import choose, judge
from cotune.verdict.floors import floors, holding, keeps
from cotune.verdict.winner import slack

A, AB, AC, ABC = Mixture.of("a"), Mixture.of("ab"), Mixture.of("ac"), Mixture.of("abc")
PROBLEM = Problem(pool("abcg"), ["a"], keep={"g": 0.02})
ALL = PROBLEM.everything


def runs(scores: dict[Mixture, tuple[float, float]]) -> list[Trial]:
    """Trials of mixtures with their scores on a and on g."""
    return [bare(mixture, score, g=kept) for mixture, (score, kept) in scores.items()]


KEPT = {BASE: (0.1, 0.50), A: (0.5, 0.49), AB: (0.8, 0.40), AC: (0.6, 0.48), ALL: (0.55, 0.52)}


def test_floors_lie_a_margin_below_the_base_model() -> None:
    assert floors(PROBLEM, runs(KEPT)) == pytest.approx({"g": 0.48})
    assert holding(PROBLEM, runs(KEPT), {"g": 0.48}) == {BASE, A, AC, ALL}
    assert floors(Problem(pool("abcg"), ["a"]), runs(KEPT)) == {}


@pytest.mark.parametrize(("margin", "base", "score"), [(0.1, 0.8, 0.7), (0.0, 0.7, 0.7)])
def test_a_score_on_the_floor_is_kept_whatever_rounding_says(margin: float, base: float, score: float) -> None:
    problem = Problem(pool("abcg"), ["a"], keep={"g": margin})
    trials = [bare(BASE, 0.1, g=base), *(bare(A, 0.5, seed, g=score) for seed in range(3))]
    assert holding(problem, trials, floors(problem, trials)) == {BASE, A}
    assert keeps(trials[1], floors(problem, trials))
    assert slack(problem, trials) == {A: 0.0}
    verdict = judge(problem, records(*(("confirm: x", trial) for trial in trials)))
    assert [line.state for line in verdict.guards] == ["kept"]


def test_a_base_model_without_a_score_is_named() -> None:
    with pytest.raises(ValueError, match=r"untrained base model, which has no score on \['g'\]"):
        choose(PROBLEM, [run for run in runs(KEPT) if run.request.mixture != BASE])
    verdict = judge(PROBLEM, records(("search", bare(A, 0.5, g=0.5))))
    assert verdict.sentence == "No verdict: the base model has no score on ['g'], which are to be kept."


def test_only_what_keeps_it_wins() -> None:
    assert choose(Problem(pool("abcg"), ["a"]), runs(KEPT)) == AB
    assert choose(PROBLEM, runs(KEPT)) == AC
    assert slack(PROBLEM, runs(KEPT)) == pytest.approx({A: 0.01, AB: -0.08, AC: 0.0, ALL: 0.04}, abs=1e-6)


def test_a_trial_that_lacks_the_score_does_not_count() -> None:
    assert choose(PROBLEM, [*runs(KEPT), bare(ABC, 0.9)]) == AC


def study(scores: dict[Mixture, tuple[float, float]]) -> list[Record]:
    lines = [("base", bare(BASE, scores[BASE][0], g=scores[BASE][1]))]
    trained = [(mixture, pair) for mixture, pair in scores.items() if len(mixture)]
    lines += [("confirm: x", bare(m, s, seed, g=kept)) for seed in (101, 102) for m, (s, kept) in trained]
    return records(*lines)


def test_the_sentence_by_hand() -> None:
    verdict = judge(PROBLEM, study({BASE: (0.1, 0.50), A: (0.5, 0.50), AC: (0.62, 0.49), AB: (0.8, 0.4)}))
    assert (verdict.winner, verdict.recommended) == (AC, AC)
    assert verdict.sentence == (
        "a + c beats target only by 12.0 accuracy points [12.0, 12.0]. "
        "It keeps g: -1.0 accuracy points [-1.0, -1.0] against the base model, -2.0 allowed."
    )
    assert [(guard.mixture, guard.dataset, guard.state) for guard in verdict.guards] == [
        (AC, "g", "kept"),
        (A, "g", "kept"),
    ]


def test_where_none_keeps_it_the_nearest_is_named_and_the_base_model_taken() -> None:
    verdict = judge(PROBLEM, study({BASE: (0.1, 0.50), A: (0.5, 0.3), AB: (0.8, 0.4), ALL: (0.6, 0.2)}))
    assert (verdict.winner, verdict.recommended) == (AB, BASE)
    assert verdict.sentence == (
        "No mixture that was tried keeps g within 2.0 points of the base model by posterior mean; the nearest is "
        "a + b: g -10.0 accuracy points [-10.0, -10.0] against the base model, -2.0 allowed. Take the base model."
    )


def test_a_cheaper_anchor_that_loses_it_is_not_recommended() -> None:
    pairs = {BASE: (0.1, 0.50), A: (0.61, 0.3), AC: (0.62, 0.5)}
    lines = [("base", bare(BASE, 0.1, g=0.5))]
    lines += [
        ("confirm: x", bare(m, pairs[m][0] + step * sign, seed, g=pairs[m][1]))
        for seed, step in ((101, 0.03), (102, -0.03))
        for m, sign in ((A, 1), (AC, -1))
    ]
    assert judge(Problem(pool("abcg"), ["a"]), records(*lines)).recommended == A
    assert judge(PROBLEM, records(*lines)).recommended == AC


def test_a_confirmed_mixture_that_loses_it_gives_way_to_one_that_keeps_it() -> None:
    lines = [("base", bare(BASE, 0.1, g=0.5)), ("anchor: x", bare(A, 0.5, g=0.49))]
    lines += [("confirm: winner", bare(AB, 0.8, seed, g=0.3)) for seed in (101, 102)]
    verdict = judge(PROBLEM, records(*lines))
    assert verdict.winner == A
    assert not verdict.confirmed


def hits(mixture: Mixture, right: int, kept: int, seed: int) -> Trial:
    def result(count: int) -> TaskResult:
        tallies = tuple(HIT if index < count else MISS for index in range(60))
        return TaskResult(count / 60, examples=ExampleResults(tuple(map(str, range(60))), tallies))

    return Trial(Request(mixture, seed), {"a": result(right), "g": result(kept)})


def test_an_interval_that_reaches_below_the_margin_leaves_it_open() -> None:
    lines = [("base", hits(BASE, 5, 40, 0))]
    lines += [
        ("confirm: x", hits(mixture, right + step, kept + step, seed))
        for seed, step in ((101, 2), (102, -2))
        for mixture, right, kept in ((A, 25, 40), (AC, 45, 39))
    ]
    verdict = judge(PROBLEM, records(*lines))
    assert [guard.state for guard in verdict.guards if guard.mixture == AC] == ["open"]
    assert "Whether it keeps g is open: -1.7 accuracy points [" in verdict.sentence


def test_a_target_may_be_kept_too() -> None:
    problem = Problem(pool("abc"), {"a": 1, "b": 1}, required=[], keep={"b": 0.0})
    assert problem.measured == ("a", "b")
    trials = [bare(BASE, 0.2, b=0.5), bare(A, 0.9, b=0.4), bare(AC, 0.5, b=0.55)]
    assert choose(problem, trials) == AC
