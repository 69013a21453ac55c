"""The best weighting leads equal weights by a paired interval that allows for how many were tried."""

from dataclasses import replace

import numpy as np
import pytest
from noisy_runs import Bench, bare, pool, trial

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.weightings import simplex
from cotune.verdict.noise import seed_noise
from cotune.verdict.paired import Chance, difference, resample
from cotune.verdict.weightings import weigh, weighting_words

PAIR = Problem(pool("ab"), ["a", "b"])
ONE = Problem(pool("ab"), ["a"])
EVEN, LOW, HIGH, MIDDLE = (Mixture.of({"a": a, "b": b}) for a, b in ((1, 1), (1, 4), (4, 1), (2, 3)))
ASKED = [EVEN, LOW, MIDDLE, HIGH]


def runs(scores, losses=None, seeds=(0,)):
    """Trials by mixture of (score of a, score of b), with losses of both."""
    made = [bare(mixture, a, seed, b=b) for seed in seeds for mixture, (a, b) in scores.items()]
    if losses is None:
        return made
    return [
        replace(
            run,
            results={
                name: replace(result, loss=losses[run.request.mixture][name]) for name, result in run.results.items()
            },
        )
        for run in made
    ]


def marks(found):
    return {line.mixture: set(line.marks) for line in found.lines}


def test_the_best_and_the_front_are_marked():
    scores = {EVEN: (0.5, 0.5), LOW: (0.2, 0.75), MIDDLE: (0.45, 0.5), HIGH: (0.9, 0.3)}
    found = weigh(PAIR, runs(scores), ASKED)
    assert marks(found) == {
        EVEN: {"equal", "best worst target", "front"},
        LOW: {"front"},
        MIDDLE: set(),
        HIGH: {"best mean", "front"},
    }
    assert [line.mixture for line in found.lines] == ASKED
    assert found.best.mixture == HIGH
    assert (found.best.mean, found.best.worst) == (pytest.approx(0.6), pytest.approx(0.3))
    assert found.best.weights == {"a": 0.8, "b": 0.2}


def test_a_target_that_weighs_more_and_a_reference_decide():
    scores = {EVEN: (0.5, 0.5), LOW: (0.2, 0.75), HIGH: (0.9, 0.3)}
    heavy = Problem(pool("ab"), {"a": 1.0, "b": 3.0})
    assert weigh(heavy, runs(scores), ASKED).best.mixture == LOW
    counted = Problem(pool("ab"), ["a", "b"], reference={"a": 0.0, "b": 0.5})
    worst = next(line for line in weigh(counted, runs(scores), ASKED).lines if "best worst target" in line.marks)
    assert (worst.mixture, worst.worst) == (LOW, pytest.approx(0.2))


def test_with_one_target_there_is_neither_a_front_nor_a_worst_one():
    found = weigh(ONE, runs({EVEN: (0.5, 0.5), HIGH: (0.9, 0.1)}), ASKED)
    assert marks(found) == {EVEN: {"equal"}, HIGH: {"best mean"}}
    assert [lead.mark for lead in found.leads] == ["best mean"]


def test_equal_weights_win_a_tie_and_then_lead_nothing():
    found = weigh(PAIR, runs({HIGH: (0.75, 0.25), LOW: (0.25, 0.5), EVEN: (0.5, 0.5)}), [HIGH, LOW, EVEN])
    assert {lead.sentence for lead in found.leads} == {
        "Equal weights have the best mean of 3 weightings, level with 1 other.",
        "Equal weights have the best worst target of 3 weightings.",
    }
    assert all(lead.difference is None for lead in found.leads)
    assert found.warnings == ()


def test_means_over_seeds_decide_and_those_of_losses_are_told():
    scores, losses = {EVEN: (0.5, 0.5), HIGH: (0.4, 0.4)}, {EVEN: {"a": 2.0, "b": 1.0}, HIGH: {"a": 1.0, "b": 3.0}}
    lucky = runs({HIGH: (0.9, 0.9)}, {HIGH: {"a": 0.5, "b": 3.5}}, seeds=(1,))
    found = weigh(PAIR, [*runs(scores, losses), *lucky], [EVEN, HIGH])
    assert found.best.mixture == HIGH
    assert (found.best.seeds, found.best.mean) == (2, pytest.approx(0.65))
    assert found.best.losses == {"a": 0.75, "b": 3.25}


def simulated(number, gap, seeds=(0, 1, 2)):
    """A grid of two datasets on which only one weighting differs from equal weights, by `gap` logits."""
    best = Mixture.of({"a": 3, "b": 7})
    bench = Bench(lambda mixture: gap * (mixture == best), np.random.default_rng(number), mixture_sd=0.1)
    asked = [EVEN, *[mixture for mixture in simplex(["a", "b"], 0.1) if mixture != EVEN]]
    return weigh(ONE, [bench.run(mixture, seed) for seed in seeds for mixture in asked], asked), best


def test_a_clear_lead_is_told_with_its_interval():
    found, best = simulated(0, 3.0)
    (lead,) = found.leads
    assert lead.mixture == best
    assert lead.difference.is_above
    assert lead.sentence.startswith("Best mean: a 0.3, b 0.7 beats equal weights by ")
    assert found.level == pytest.approx(1 - 0.05 / 8)
    assert "The best of 9 weightings was chosen on the dev rows that it is compared on" in found.warnings[0]
    assert "99.38 %" in found.warnings[0]


def test_the_best_of_many_equals_has_no_detectable_difference():
    told = [simulated(number, 0.0)[0] for number in range(25)]
    above = [found.leads[0].difference is not None and found.leads[0].difference.is_above for found in told]
    assert sum(above) <= 3  # of 25 at 5 %: more than 3 in 4 % of such tests
    said = next(found for found, wins in zip(told, above, strict=True) if not wins and found.leads[0].difference)
    assert "Best mean: No detectable difference: " in said.leads[0].sentence
    assert " against equal weights (+" in said.leads[0].sentence
    assert said.leads[0].difference.low < 0 < said.leads[0].difference.mean


def test_a_lead_is_the_paired_difference_of_a_verdict():
    found, best = simulated(3, 1.0)
    bench = Bench(lambda mixture: 1.0 * (mixture == best), np.random.default_rng(3), mixture_sd=0.1)
    asked = [line.mixture for line in found.lines]
    trials = [bench.run(mixture, seed) for seed in (0, 1, 2) for mixture in asked]
    groups = {mixture: [run for run in trials if run.request.mixture == mixture] for mixture in asked}
    chance = Chance(found.level, noise=seed_noise(ONE, groups))
    own, theirs = groups[found.best.mixture], groups[EVEN]
    expected = difference(ONE, own, theirs, resample(ONE, [*own, *theirs], chance), chance)
    assert found.leads[0].difference == expected


def test_one_seed_alone_is_warned_of():
    assert any("No weighting was repeated" in warning for warning in simulated(0, 3.0, seeds=(0,))[0].warnings)
    assert not any("No weighting was repeated" in warning for warning in simulated(0, 3.0)[0].warnings)


def test_failed_and_foreign_trials_do_not_count_and_without_equal_weights_nothing_leads():
    failed = replace(trial(EVEN), results={}, error="diverged")
    found = weigh(PAIR, [failed, *runs({HIGH: (0.5, 0.5), LOW: (0.9, 0.9)})], [EVEN, HIGH])
    assert [line.mixture for line in found.lines] == [HIGH]
    assert found.leads == ()
    assert weigh(PAIR, [failed], [EVEN, HIGH]) is None


def test_weights_read_as_shares():
    assert weighting_words(Mixture.of({"a": 1, "b": 1, "c": 1})) == "a 0.333, b 0.333, c 0.333"
