"""A balancer wins only where its lead is more than seeds and examples make, however many are tried."""

from dataclasses import replace

import numpy as np
import pytest
from noisy_runs import Bench, bare, pool, records, trial

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Record
from cotune.verdict import Verdict, contest, contestants
from cotune.verdict.noise import by_mixture, seed_noise
from cotune.verdict.paired import Chance, difference, resample

A, AB, ABC = Mixture.of("a"), Mixture.of("ab"), Mixture.of("abc")
PROBLEM = Problem(pool("abc"), ["a"])
VERDICT = Verdict(AB, AB, "", confirmed=True)
SEEDS = (101, 102, 103)


def study(bench: Bench, gaps: dict[str, float]) -> tuple[list[Record], dict[str, list[Record]]]:
    """Records of a study, and of its winner under balancers that add `gaps` (logits) to it."""
    own = [("confirm: winner", bench.run(AB, seed)) for seed in SEEDS]
    own += [("confirm: target only", bench.run(A, seed)) for seed in SEEDS]
    own += [("search", bench.run(AB, 0))]
    others = {}
    for name, gap in gaps.items():
        under = replace(bench, quality=lambda _, gap=gap: gap, taste=bench.taste)
        under.hard = bench.hard
        others[name] = records(*[(f"balancer: {name}", under.run(AB, seed)) for seed in SEEDS])
    return records(*own), others


def simulated(number: int, gaps: dict[str, float]):
    own, others = study(Bench(lambda _: 0.0, np.random.default_rng(number)), gaps)
    return contest(PROBLEM, own, others, own="equal", verdict=VERDICT)


def test_a_clear_lead_is_found_and_told():
    found = simulated(0, {"dwa": 0.0, "coba": 2.0, "famo": -2.0})
    assert [rival.balancer for rival in found.rivals] == ["coba", "dwa", "famo"]
    assert found.rivals[0].lead.is_above
    assert found.rivals[-1].lead.is_below
    assert "Balancer coba beats equal on a + b" in found.sentence
    assert "train.balancer=coba" in found.sentence


def test_the_best_of_three_equals_rarely_wins():
    wins = [simulated(number, {"x": 0.0, "y": 0.0, "z": 0.0}).rivals[0].lead.is_above for number in range(60)]
    assert sum(wins) <= 60 * 0.05 + 2 * (60 * 0.05 * 0.95) ** 0.5
    told = simulated(wins.index(False), {"x": 0.0, "y": 0.0, "z": 0.0}).sentence
    assert told.startswith("No balancer of ")
    assert told.endswith("Keep equal.")


def test_a_lead_is_the_paired_difference_of_two_mixtures_with_those_runs():
    own, others = study(Bench(lambda _: 0.0, np.random.default_rng(3)), {"dwa": 0.4})
    found = contest(PROBLEM, own, others, own="equal", verdict=VERDICT)
    ours = [record.trial for record in own[:3]]
    theirs = [replace(r.trial, request=replace(r.trial.request, mixture=ABC)) for r in others["dwa"]]
    noise = seed_noise(PROBLEM, by_mixture([record.trial for record in own]))
    chance = Chance(noise=noise)
    expected = difference(PROBLEM, theirs, ours, resample(PROBLEM, [*theirs, *ours], chance), chance)
    assert found.rivals[0].lead == expected
    assert found.level == 0.95


def test_the_level_grows_with_the_number_of_rivals():
    assert simulated(1, {"x": 0.0, "y": 0.0}).level == pytest.approx(0.975)


def test_only_confirming_runs_of_the_winner_compete_and_only_equal_seeds_are_compared():
    own, others = study(Bench(lambda _: 0.0, np.random.default_rng(2)), {"dwa": 0.0})
    assert [run.request.seed for run in contestants(PROBLEM, own, VERDICT)] == list(SEEDS)
    assert len(contestants(PROBLEM, own, replace(VERDICT, confirmed=False))) == 4
    strays = records(("x", bare(AB, 1.0, 7)), ("x", bare(A, 1.0, 101)))
    assert contest(PROBLEM, own, {"dwa": strays}, own="equal", verdict=VERDICT) is None
    mixed = {"dwa": [*others["dwa"], *strays]}
    assert contest(PROBLEM, own, mixed, own="equal", verdict=VERDICT).rivals[0].lead.seeds == 3


def test_without_a_winner_of_two_datasets_there_is_no_contest():
    for winner in (None, A):
        verdict = replace(VERDICT, winner=winner)
        assert contestants(PROBLEM, records(("search", trial(A, 0, [True]))), verdict) == []
        assert contest(PROBLEM, [], {"dwa": []}, own="equal", verdict=verdict) is None
