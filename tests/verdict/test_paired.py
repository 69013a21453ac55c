from dataclasses import replace

import numpy as np
import pytest
from noisy_runs import Bench, bare, pool, trial

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.tally import Tally, tally_score
from cotune.trial import ExampleResults, Request, TaskResult, Trial
from cotune.verdict.noise import SeedNoise, by_mixture, example_noise, influence, scored, seed_noise
from cotune.verdict.paired import Chance, Estimate, difference, resample, value_of

A, AB, ABC = Mixture.of("a"), Mixture.of("ab"), Mixture.of("abc")
PROBLEM = Problem(pool("abc"), ["a"])
QUICK = Chance(resamples=800)


def compare(ours: list[Trial], theirs: list[Trial], chance: Chance = QUICK) -> Estimate:
    draws = resample(PROBLEM, [*ours, *theirs], chance)
    return difference(PROBLEM, ours, theirs, draws, chance)


def studies(gap: float, how_many: int, seeds: int = 3) -> tuple[list[Estimate], float]:
    """Paired differences of two mixtures `gap` logits apart in as many studies, and the true difference."""
    found = []
    for number in range(how_many):
        bench = Bench(lambda mixture: gap * (mixture == AB), np.random.default_rng(number))
        arms = [[bench.run(mixture, seed) for seed in range(101, 101 + seeds)] for mixture in (AB, A, ABC)]
        noise = seed_noise(PROBLEM, dict(zip((AB, A, ABC), arms, strict=True)))
        found.append(compare(arms[0], arms[1], replace(QUICK, seed=number, noise=noise)))
    return found, bench.expected(AB) - bench.expected(A)


def test_equal_mixtures_rarely_win() -> None:
    found, _ = studies(0.0, 300)
    wins = sum(estimate.is_above or estimate.is_below for estimate in found)
    assert wins / 300 <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5


def test_a_known_difference_is_covered_and_found() -> None:
    found, truth = studies(1.2, 300)
    covered = sum(estimate.low <= truth <= estimate.high for estimate in found if estimate.low and estimate.high)
    assert covered / 300 >= 0.93
    assert np.mean([estimate.mean for estimate in found]) == pytest.approx(truth, abs=0.015)
    assert sum(estimate.is_above for estimate in found) / 300 > 0.7


def test_a_winner_twice_as_noisy_as_the_rest_is_nearly_covered() -> None:
    """Anchors are run with 2 and 3 seeds, the winner with 3 fresh ones: what is pooled is mostly the anchors' noise."""
    held = 0
    for number in range(600):
        rng = np.random.default_rng(number)
        scores = {mixture: 0.5 + 0.01 * sd * rng.standard_normal(5) for mixture, sd in ((AB, 2), (A, 1), (ABC, 1))}
        arms = {
            mixture: [bare(mixture, score, seed) for seed, score in enumerate(own)] for mixture, own in scores.items()
        }
        fresh = {mixture: runs[2:] for mixture, runs in arms.items()}
        noise = seed_noise(PROBLEM, {**arms, AB: fresh[AB]})
        found = compare(fresh[AB], fresh[A], replace(QUICK, noise=noise))
        held += not (found.is_above or found.is_below)
    assert held / 600 >= 0.91


def test_what_both_find_hard_cancels() -> None:
    bench = Bench(lambda mixture: 0.5 * (mixture == AB), np.random.default_rng(3), 0.05, 0.1, 0.1)
    bench.hard = bench.hard * 10
    ours, theirs = [bench.run(AB, seed) for seed in range(6)], [bench.run(A, seed) for seed in range(6)]
    paired = compare(ours, theirs)
    shuffled = [replace(run, results={"a": _shuffled(run.results["a"])}) for run in theirs]
    unpaired = compare(ours, shuffled)
    assert unpaired.mean == pytest.approx(paired.mean)
    assert _width(paired) < 0.7 * _width(unpaired)


def _shuffled(result: TaskResult) -> TaskResult:
    """The same score with the examples' results in another order, which breaks the pairing."""
    order = np.random.default_rng(9).permutation(len(result.examples.ids))
    return replace(result, examples=replace(result.examples, tallies=tuple(result.examples.tallies[i] for i in order)))


def _width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


def test_swapping_sides_turns_the_sign() -> None:
    bench = Bench(lambda mixture: float(len(mixture)), np.random.default_rng(0))
    ours, theirs = [bench.run(AB, seed) for seed in (1, 2, 3)], [bench.run(A, seed) for seed in (1, 2, 3)]
    there, back = compare(ours, theirs), compare(theirs, ours)
    assert there.mean == pytest.approx(-back.mean)
    assert there.low == pytest.approx(-(back.high or 0), abs=0.02)


def test_more_seeds_and_a_lower_level_narrow_the_interval() -> None:
    bench = Bench(lambda mixture: float(len(mixture)), np.random.default_rng(1))
    arms = {mixture: [bench.run(mixture, seed) for seed in range(8)] for mixture in (A, AB)}
    many, few = compare(arms[AB], arms[A]), compare(arms[AB][:3], arms[A][:3])
    assert _width(many) < _width(few)
    assert _width(compare(arms[AB], arms[A], replace(QUICK, level=0.5))) < _width(many)


def test_runs_are_paired_by_seed_first() -> None:
    ours = [bare(AB, 0.5, 1), bare(AB, 0.7, 2), bare(AB, 0.9, 3)]
    theirs = [bare(A, 0.8, 3), bare(A, 0.4, 1), bare(A, 0.6, 2)]
    estimate = compare(ours, theirs)
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (estimate.seeds, estimate.examples) == (3, 0)


def test_runs_without_a_common_seed_are_paired_in_order() -> None:
    assert compare([bare(AB, 0.9, 5)], [bare(A, 0.4, 1), bare(A, 0.6, 2)]).mean == pytest.approx(0.5)


def test_the_base_model_meets_every_seed() -> None:
    estimate = compare([bare(AB, 0.5, 1), bare(AB, 0.7, 2)], [bare(BASE, 0.1, 0)])
    assert (estimate.mean, estimate.seeds) == (pytest.approx(0.5), 2)


def test_without_repeats_and_examples_there_is_no_interval() -> None:
    estimate = compare([bare(AB, 0.9)], [bare(A, 0.4)])
    assert (estimate.low, estimate.high, estimate.is_above) == (None, None, False)


def test_one_seed_borrows_the_noise_of_the_study() -> None:
    noisy = replace(QUICK, noise=SeedNoise(0.01, 2))
    alone = compare([trial(AB, hits=[True] * 60 + [False] * 36)], [trial(A, hits=[True] * 50 + [False] * 46)])
    borrowed = compare([bare(AB, 0.9)], [bare(A, 0.4)], noisy)
    assert alone.examples == 96
    assert _width(borrowed) > 2 * 1.96 * (2 * 0.01) ** 0.5


def test_only_shared_examples_are_resampled() -> None:
    ours = trial(AB, hits=[True] * 10)
    theirs = trial(A, hits=[False] * 4)
    draws = resample(PROBLEM, [ours, theirs], QUICK)
    assert draws.examples == 4
    assert set(draws.scores[ours.request]) == {1.0}
    assert resample(PROBLEM, [ours, bare(A, 0.2)], QUICK).examples == 0


def test_resampled_scores_equal_scoring_the_resample() -> None:
    """The matrix product over tallies against `tally_score` on rows picked by hand, for a macro average."""
    rng = np.random.default_rng(0)
    tallies = tuple((Tally("xyz"[rng.integers(3)], float(rng.integers(2)), 1.0),) for _ in range(12))
    run = Trial(Request(A), {"a": TaskResult(0.5, examples=ExampleResults(tuple(map(str, range(12))), tallies))})
    draws = resample(PROBLEM, [run], replace(QUICK, resamples=50, seed=7))
    picks = np.random.default_rng([7, 0]).integers(0, 12, (50, 12))
    by_hand = [tally_score([tallies[index] for index in row]) for row in picks]
    assert draws.scores[run.request] == pytest.approx(by_hand)


def test_the_mean_of_one_mixture_has_an_interval_too() -> None:
    runs = [trial(A, seed, [True] * 60 + [False] * 36) for seed in (1, 2)]
    estimate = value_of(PROBLEM, runs, resample(PROBLEM, runs, QUICK), QUICK)
    assert estimate.mean == pytest.approx(60 / 96)
    assert _width(estimate) == pytest.approx(2 * 1.96 * (0.625 * 0.375 / 95) ** 0.5, rel=0.1)


def test_influences_sum_to_zero_and_give_the_variance() -> None:
    run = trial(A, hits=[True] * 60 + [False] * 36)
    moves = influence(run.results["a"].examples)
    assert moves.sum() == pytest.approx(0)
    assert (moves**2).sum() == pytest.approx(0.625 * 0.375 / 96)


def test_seed_noise_by_hand_leaves_out_the_base_model() -> None:
    runs = [bare(A, 0.5, 0), bare(A, 0.7, 1), bare(AB, 0.4, 0), bare(BASE, 0.0, 0), bare(BASE, 0.9, 1)]
    assert seed_noise(PROBLEM, by_mixture(runs)) == SeedNoise(pytest.approx(0.02), 1)
    assert SeedNoise().sd is None


def test_equal_mistakes_are_no_example_noise() -> None:
    hits = [True] * 60 + [False] * 36
    same = example_noise(PROBLEM, by_mixture([trial(A, hits=hits), trial(AB, hits=hits)]))
    other = example_noise(PROBLEM, by_mixture([trial(A, hits=hits), trial(AB, hits=hits[::-1])]))
    assert same == pytest.approx([0, 0])
    assert (other > 0.001).all()


def test_failed_partial_and_foreign_trials_do_not_count() -> None:
    runs = [
        bare(A, 0.5),
        replace(bare(A, 0.5, 1), error="out of memory"),
        Trial(Request(A, 2, fidelity=0.5), {"a": TaskResult(0.9)}),
        bare(Mixture.of(["a", "gone"]), 0.9),
        Trial(Request(AB), {"b": TaskResult(0.9)}),
        bare(ABC, float("nan")),
    ]
    assert scored(PROBLEM, runs) == runs[:1]


def test_the_interval_of_a_score_holds_no_impossible_score() -> None:
    runs = [trial(A, seed, [True] * hits + [False] * (20 - hits)) for seed, hits in ((1, 20), (2, 6))]
    value = value_of(PROBLEM, runs, resample(PROBLEM, runs, QUICK), QUICK)
    assert (value.low, value.high) == (0.0, 1.0)
