import numpy as np
import pytest

from cotune import Mixture, Request, TaskResult, Trial
from cotune.search.repeats import Tried, weigh
from cotune.testing import example_problem
from cotune.verdict.noise import by_mixture

PROBLEM = example_problem(3)
ALONE, PAIR = Mixture.of(["t0"]), Mixture.of(["t0", "t1"])


def trials(scores: dict[Mixture, list[float]]) -> list[Trial]:
    return [
        Trial(Request(mixture, seed), {"t0": TaskResult(value)})
        for mixture, values in scores.items()
        for seed, value in enumerate(values)
    ]


def tried(means: list[float], learned: list[float]) -> Tried:
    mixtures = tuple(Mixture.of(name) for name in "abc"[: len(means)])
    return Tried(mixtures, np.array(means), np.array(learned), 1.0)


def test_the_knowledge_gradient_of_a_hand_computed_pair():
    # 0.5 f(-1) with f(z) = z Phi(z) + phi(z): the first falls below its rival, or the second overtakes it
    assert tried([1.0, 0.5], [0.5, 0.5]).gains() == pytest.approx([0.041658, 0.041658], abs=1e-6)
    assert tried([1.0, 0.5], [0.5, 0.0]).gains() == pytest.approx([0.041658, 0.0], abs=1e-6)


def test_gains_are_the_mean_rise_of_the_best_posterior_mean():
    rng = np.random.default_rng(0)
    means, learned = [0.2, 0.0, -0.3], [0.1, 0.3, 0.5]
    gains = tried(means, learned).gains()
    for place in range(3):
        moved = np.tile(means, (200_000, 1))
        moved[:, place] += learned[place] * rng.standard_normal(len(moved))
        assert gains[place] == pytest.approx(moved.max(axis=1).mean() - max(means), abs=2e-3)


def test_one_mixture_has_no_rival_and_gains_nothing():
    assert tried([1.0], [0.5]).gains().tolist() == [0.0]


def test_nothing_is_learned_from_repeats_before_any_was_made_nor_where_seeds_do_not_matter():
    for scores in ({ALONE: [0.5], PAIR: [0.7]}, {ALONE: [0.5, 0.5], PAIR: [0.7, 0.7]}):
        weighed = weigh(PROBLEM, by_mixture(trials(scores)))
        assert weighed.best == pytest.approx(0.7)
        assert weighed.learned.tolist() == [0.0, 0.0]
        assert weighed.repeat([], []) is None


def test_what_was_run_once_gains_more_from_a_seed_than_what_was_run_often():
    rng = np.random.default_rng(0)
    scores = {
        mixture: list(0.5 + 0.05 * rng.standard_normal(1 if mixture == ALONE else 5)) for mixture in PROBLEM.mixtures()
    }
    weighed = weigh(PROBLEM, by_mixture(trials(scores)))
    assert weighed.mixtures[int(weighed.learned.argmax())] == ALONE


def test_a_repeat_has_a_seed_of_its_own_and_none_is_asked_while_one_is_waited_for():
    weighed = weigh(PROBLEM, by_mixture(trials({ALONE: [0.5, 0.6], PAIR: [0.55, 0.58]})))
    asked = [Request(mixture, seed) for mixture in (ALONE, PAIR) for seed in (0, 1, 3)]
    proposal = weighed.repeat(asked, [])
    assert proposal is not None
    assert proposal.request.seed == 2
    assert proposal.reason.startswith("repeat")
    assert weighed.repeat(asked, [ALONE, PAIR]) is None
