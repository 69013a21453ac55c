from itertools import pairwise

import numpy as np
import pytest
from noisy_runs import bare, pool, random_mixtures

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.trial import Trial
from cotune.verdict.additive import fit_additive
from cotune.verdict.effects import effects, part_effects
from cotune.verdict.winner import posterior_means

NAMES = "abcdefghijkl"
PROBLEM = Problem(pool(NAMES), ["a"])


def runs_of(effect: dict[str, float], rng: np.random.Generator, how_many: int, noise: float = 0.01) -> list[Trial]:
    mixtures = [*random_mixtures(PROBLEM, rng, how_many), *[Mixture.of("a")] * 2, *[Mixture.of(NAMES)] * 2]
    values = [0.5 + sum(effect.get(name, 0.0) for name in mixture.names) for mixture in mixtures]
    return [bare(m, v + rng.normal(0, noise), seed) for seed, (m, v) in enumerate(zip(mixtures, values, strict=True))]


def test_planted_effects_are_recovered() -> None:
    planted = {"b": 0.06, "c": 0.04, "k": -0.06, "l": -0.04}
    found = effects(PROBLEM, runs_of(planted, np.random.default_rng(0), 36))
    labels = {effect.name: effect.label for effect in found}
    assert {name for name, label in labels.items() if label == "helps"} == {"b", "c"}
    assert {name for name, label in labels.items() if label == "hurts"} == {"k", "l"}
    assert found[0].name == "b"
    assert found[-1].name == "k"


def test_intervals_cover_planted_effects() -> None:
    covered = total = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        planted = dict(zip(NAMES[1:], rng.normal(0, 0.03, 11), strict=True))
        for effect in effects(PROBLEM, runs_of(planted, rng, 30, noise=0.02)):
            covered += effect.low <= planted[effect.name] <= effect.high
            total += 1
    assert covered / total >= 0.93


def test_pure_noise_is_unclear() -> None:
    labels = [
        effect.label
        for seed in range(20)
        for effect in effects(PROBLEM, runs_of({}, np.random.default_rng(seed), 24, noise=0.03))
    ]
    assert labels.count("unclear") / len(labels) >= 0.95


def test_a_harm_of_size_alone_falls_on_every_dataset() -> None:
    rng = np.random.default_rng(1)
    runs = [bare(m, 0.9 - 0.05 * len(m), 0) for m in random_mixtures(PROBLEM, rng, 20)]
    assert all(effect.label == "hurts" for effect in effects(PROBLEM, runs))


def test_measured_differences_by_hand() -> None:
    problem = Problem(pool("abc"), ["a"])
    runs = [bare(Mixture.of(names), score) for names, score in (("a", 0.5), ("ab", 0.6), ("ac", 0.4), ("abc", 0.7))]
    found = {effect.name: effect for effect in effects(problem, [*runs, bare(BASE, 0.0)])}
    assert (found["b"].measured, found["b"].pairs) == (pytest.approx((0.1 + 0.3) / 2), 2)
    assert (found["c"].measured, found["c"].pairs) == (pytest.approx((-0.1 + 0.1) / 2), 2)
    assert "a" not in found


def test_too_little_says_nothing() -> None:
    assert effects(PROBLEM, []) == []
    assert effects(PROBLEM, [bare(Mixture.of("a"), 0.5)]) == []
    flat = effects(PROBLEM, [bare(Mixture.of("a"), 0.5), bare(Mixture.of("ab"), 0.5)])
    assert all(effect.label == "unclear" for effect in flat)


def test_order_of_trials_does_not_matter() -> None:
    runs = runs_of({"b": 0.05}, np.random.default_rng(2), 20)
    one = {effect.name: effect.mean for effect in effects(PROBLEM, runs)}
    assert {effect.name: effect.mean for effect in effects(PROBLEM, runs[::-1])} == pytest.approx(one)


def test_without_noise_the_model_keeps_what_was_measured() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 2, (15, 6)).astype(float), rng.normal(0.5, 0.1, 15)
    assert fit_additive(x, y, np.zeros(15)).values == pytest.approx(y, abs=1e-6)


def test_more_noise_draws_values_nearer_together() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 2, (30, 6)).astype(float), rng.normal(0.5, 0.1, 30)
    spreads = [fit_additive(x, y, np.full(30, noise)).values.std() for noise in (0.0, 0.003, 0.01, 0.1)]
    assert all(wider > narrower for wider, narrower in pairwise(spreads))


def test_shifting_and_scaling_the_objective_shifts_and_scales_the_fit() -> None:
    rng = np.random.default_rng(5)
    x, y, noise = rng.integers(0, 2, (20, 5)).astype(float), rng.normal(0.5, 0.1, 20), np.full(20, 0.002)
    plain, moved = fit_additive(x, y, noise), fit_additive(x, 3 * y + 1, 9 * noise)
    assert moved.values == pytest.approx(3 * plain.values + 1)
    assert moved.effects_sd == pytest.approx(3 * plain.effects_sd)


def proportions(levels: int = 3) -> Problem:
    return Problem(pool("abc"), ["a"], required=[], levels=levels)


def planted(mixture: Mixture, noise: float = 0.0) -> float:
    """b helps when it joins, but costs 0.06 from the smallest part that is tried to a full one; c does nothing."""
    parts = mixture.to_json()
    short = 1 - parts.get("b", 0) / max(parts.values())
    return 0.5 + ("b" in parts) * (0.05 + 0.09 * short) + noise


def test_a_dataset_may_help_though_more_of_it_hurts() -> None:
    rng = np.random.default_rng(0)
    runs = [bare(m, planted(m, rng.normal(0, 0.002))) for m in proportions().mixtures()]
    joins = {effect.name: effect for effect in effects(proportions(), runs)}
    grows = {effect.name: effect for effect in part_effects(proportions(), runs)}
    assert (joins["b"].label, grows["b"].label) == ("helps", "hurts")
    assert joins["b"].mean == pytest.approx(0.05, abs=0.01)
    assert grows["b"].mean == pytest.approx(-0.09 * 2 / 3, abs=0.01)
    assert abs(grows["a"].mean) < 0.01
    assert abs(joins["c"].mean) < 0.01


def test_equal_parts_have_no_part_effects_and_their_fit_is_that_of_combinations() -> None:
    equal = [m for m in proportions().mixtures() if {count for _, count in m.parts} == {1}]
    runs = [bare(m, planted(m)) for m in equal]
    assert part_effects(proportions(), runs) == []
    assert effects(proportions(), runs) == effects(proportions(levels=1), runs)


def test_a_pair_that_differs_in_one_dataset_is_found_in_lowest_terms() -> None:
    runs = [bare(Mixture.of({"a": 3, "b": 1}), 0.6), bare(Mixture.of("a"), 0.5), bare(Mixture.of({"a": 3, "c": 1}), 0)]
    found = {effect.name: effect for effect in effects(proportions(), runs)}
    assert (found["b"].measured, found["b"].pairs) == (pytest.approx(0.1), 1)


def test_a_noisy_proportion_is_drawn_towards_what_its_parts_promise() -> None:
    rng = np.random.default_rng(1)
    runs = [bare(m, planted(m, rng.normal(0, 0.02)), seed) for m in proportions().mixtures() for seed in (0, 1)]
    truth = {m: planted(m) for m in proportions().mixtures()}
    means = {m: np.mean([run.results["a"].score for run in runs if run.request.mixture == m]) for m in truth}
    believed = posterior_means(proportions(), runs)
    error, raw = (np.mean([(found[m] - truth[m]) ** 2 for m in truth]) for found in (believed, means))
    assert error < 0.5 * raw
