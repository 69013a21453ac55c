"""The front by hand, and the verdict on the worst of several targets."""

from itertools import combinations

import numpy as np
import pytest
from noisy_runs import HIT, MISS, bare, pool, records

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.trial import ExampleResults, Request, TaskResult, Trial
from cotune.verdict import choose, judge
from cotune.verdict.front import front, front_words
from cotune.verdict.noise import by_mixture, example_noise, influence
from cotune.verdict.paired import Chance, resample

AB, ABC, ABD, ABCD = (Mixture.of(names) for names in ("ab", "abc", "abd", "abcd"))
PARETO = Problem(pool("abcd"), {"a": 1, "b": 1}, objective="pareto")
SCORES = {AB: (0.5, 0.5), ABC: (0.8, 0.4), ABD: (0.4, 0.7), ABCD: (0.45, 0.45)}
BASE_RUN = bare(BASE, 0.3, b=0.3)


def runs(scores: dict[Mixture, tuple[float, float]], step: float = 0.0) -> list[Trial]:
    return [bare(m, a + sign * step, 101 + (sign > 0), b=b) for sign in (-1, 1) for m, (a, b) in scores.items()]


def test_the_front_by_hand() -> None:
    found = front(PARETO, [BASE_RUN, *runs(SCORES, step=0.01)])
    assert found is not None
    assert [line.mixture for line in found.best] == [ABC, AB, ABD]
    assert [line.mixture for line in found.lines if line.is_dominated] == [ABCD]
    assert (found.origin, found.reference) == ("the base model", pytest.approx({"a": 0.3, "b": 0.3}))
    assert found.hypervolume == pytest.approx(0.1 * 0.4 + 0.1 * 0.2 + 0.3 * 0.1)
    line = found.best[0]
    assert line.scores == pytest.approx({"a": 0.8, "b": 0.4})
    assert (line.seeds, line.errors) == (2, pytest.approx({"a": 0.01 * 2**0.5 / 2**0.5, "b": 0.0}))


def test_the_reference_is_the_given_one_or_the_least_that_was_measured() -> None:
    given = front(Problem(pool("abcd"), ["a", "b"], reference={"a": 0.4, "b": 0.4}), runs(SCORES))
    assert given is not None
    assert (given.origin, given.hypervolume) == ("the given reference", pytest.approx(0.1 * 0.1))
    least = front(PARETO, runs(SCORES))
    assert least is not None
    assert least.reference == pytest.approx({"a": 0.4, "b": 0.4})
    assert least.origin == "the least score measured on each target"


def test_a_mixture_that_loses_what_is_to_be_kept_is_not_on_the_front() -> None:
    problem = Problem(pool("abcd"), ["a", "b"], objective="pareto", keep={"d": 0.0})
    trials = [bare(BASE, 0.3, b=0.3, d=0.5)]
    trials += [bare(m, a, b=b, d=0.4 if m == ABC else 0.6) for m, (a, b) in SCORES.items()]
    found = front(problem, trials)
    assert found is not None
    assert [line.mixture for line in found.best] == [AB, ABD]
    assert [line.mixture for line in found.lines if not line.is_allowed] == [ABC]
    assert [line.mixture for line in found.lines if line.is_dominated] == [ABCD]  # by what may win alone


def test_a_front_without_mixtures_is_said_to_have_none() -> None:
    problem = Problem(pool("abcd"), ["a", "b"], objective="pareto", keep={"d": 0.0})
    found = front(problem, [bare(BASE, 0.3, b=0.3, d=0.5), bare(AB, 0.5, b=0.5, d=0.4)])
    assert found is not None
    assert (found.best, found.hypervolume) == ((), 0.0)
    assert front_words(found) == " None of 1 mixtures is on the front of a, b: none keeps enough."


def test_many_targets_have_a_verdict_at_once_and_no_front() -> None:
    names = [f"t{number}" for number in range(9)]
    problem, rng = Problem(pool([*names, *"abcdef"]), names), np.random.default_rng(0)
    mixtures = [Mixture.of([*names, *others]) for size in range(4) for others in combinations("abcdef", size)]
    trials = [Trial(Request(m), {t: TaskResult(float(rng.random())) for t in names}) for m in mixtures]
    assert front(problem, trials) is None  # nearly all of 42 are on it: a volume would take hours
    assert judge(problem, records(*(("x", trial) for trial in trials)), resamples=100).front is None


def test_one_target_has_no_front() -> None:
    assert front(Problem(pool("abcd"), ["a"]), runs(SCORES)) is None
    assert front(PARETO, []) is None


def test_the_verdict_lists_the_front_and_the_weighted_mean_chooses() -> None:
    lines = [("base", BASE_RUN), *(("confirm: x", run) for run in runs(SCORES))]
    verdict = judge(PARETO, records(*lines))
    assert verdict.winner == ABC
    assert verdict.sentence.endswith(
        " By mean scores, 3 of 4 mixtures are on the front of a, b: a + b + c; target only (a + b); a + b + d "
        "(hypervolume 0.09 above the base model)."
    )
    assert verdict.front is not None
    mean = judge(Problem(pool("abcd"), ["a", "b"]), records(*lines))
    assert "front" not in mean.sentence
    assert mean.front == verdict.front


def test_the_worst_target_chooses_and_is_named() -> None:
    problem = Problem(pool("abcd"), ["a", "b"], objective="worst")
    trials = runs({AB: (0.5, 0.55), ABC: (0.8, 0.4), ABD: (0.4, 0.7), ABCD: (0.45, 0.45)})
    assert choose(problem, trials) == AB
    assert choose(Problem(pool("abcd"), ["a", "b"]), trials) == ABC
    verdict = judge(problem, records(*(("confirm: x", run) for run in trials)))
    assert verdict.sentence == (
        "Target only (a + b) beats all datasets by 5.0 accuracy points on the worst target [5.0, 5.0] and runner-up "
        "a + b + c by 10.0 accuracy points on the worst target [10.0, 10.0]."
    )


def test_the_worst_target_counts_from_its_reference() -> None:
    problem = Problem(pool("abcd"), ["a", "b"], objective="worst", reference={"a": 0.2, "b": 0.5})
    assert choose(problem, runs(SCORES)) == ABD  # gains 0.3 and 0.0, 0.6 and -0.1, 0.2 and 0.2
    verdict = judge(problem, records(*(("confirm: x", run) for run in runs(SCORES))))
    assert verdict.standings[0].value.mean == pytest.approx(0.2)
    assert not [warning for warning in verdict.warnings if "outside [0, 1]" in warning]


def rows(a: int, b: int, mixture: Mixture, seed: int = 0) -> Trial:
    def result(count: int) -> TaskResult:
        tallies = tuple(HIT if index < count else MISS for index in range(40))
        return TaskResult(count / 40, examples=ExampleResults(tuple(map(str, range(40))), tallies))

    return Trial(Request(mixture, seed), {"a": result(a), "b": result(b)})


def test_resamples_of_the_worst_target_are_the_least_of_each_draw() -> None:
    trial = rows(20, 22, AB)
    chance = Chance(resamples=2000)
    worst = resample(Problem(pool("abcd"), ["a", "b"], objective="worst"), [trial], chance).scores[trial.request]
    mean = resample(Problem(pool("abcd"), ["a", "b"]), [trial], chance).scores[trial.request]
    alone = [resample(Problem(pool("abcd"), [name]), [trial], chance).scores[trial.request] for name in "ab"]
    assert worst.mean() < min(draws.mean() for draws in alone)
    assert worst.mean() < mean.mean()
    assert np.quantile(worst, 0.99) <= max(np.quantile(draws, 0.99) for draws in alone)


def test_example_noise_of_the_worst_target_is_that_target_s() -> None:
    problem = Problem(pool("abcd"), ["a", "b"], objective="worst")
    groups = by_mixture([rows(20, 30, AB), rows(25, 35, ABC)])
    only_a = example_noise(Problem(pool("abcd"), ["a"]), groups)
    assert example_noise(problem, groups) == pytest.approx(only_a)
    apart = by_mixture([rows(20, 30, AB), rows(35, 25, ABC)])
    first, second = influence(apart[AB][0].results["a"].examples), influence(apart[ABC][0].results["b"].examples)
    assert example_noise(problem, apart) == pytest.approx([((first / 2) ** 2).sum() + ((second / 2) ** 2).sum()] * 2)
