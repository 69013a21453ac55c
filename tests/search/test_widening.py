"""Search for a front against computed truths: volumes by simulation, and pools whose best front is known."""

import numpy as np
import pytest
from scipy.stats import norm

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, search
from cotune.search.evidence import objective
from cotune.search.front import MeasuredFront, independent
from cotune.search.predictive import learn
from cotune.verdict.hypervolume import hypervolume, undominated

NODES = norm.ppf((np.arange(64) + 0.5) / 64)


def at_equal_quantiles(mean, sd):
    """Samples [sample, mixture, target] as predictors give them."""
    return mean + NODES[:, None, None] * sd / NODES.std()


@pytest.mark.parametrize("targets", [2, 3])
def test_expected_improvement_of_volume_agrees_with_simulation(targets):
    rng = np.random.default_rng(targets)
    front, reference = MeasuredFront(rng.random((5, targets)), np.full(targets, 0.1)), np.full(targets, 0.1)
    mean, sd = rng.uniform(0.2, 1, (3, targets)), rng.uniform(0.05, 0.3, (3, targets))
    found = front.improvement(at_equal_quantiles(mean, sd))
    before = hypervolume(front.points, reference)
    for mixture in range(3):
        drawn = mean[mixture] + sd[mixture] * rng.standard_normal((1500, targets))
        gains = [hypervolume(np.vstack([front.points, row]), reference) - before for row in drawn]
        assert found[mixture] == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / 1500**0.5)


def test_a_certain_point_adds_exactly_its_volume():
    front = MeasuredFront(np.array([[3.0, 1.0], [1.0, 2.0]]), np.zeros(2))
    points = np.array([[2.0, 2.0], [1.0, 1.0], [4.0, 3.0], [-1.0, 9.0]])  # [mixture, target]
    expected = [1.0, 0.0, 12 - 4, 0.0]
    assert front.improvement(np.stack([points, points])) == pytest.approx(expected, abs=1e-12)


def test_the_least_of_two_equal_scores_is_that_of_independent_ones():
    samples = at_equal_quantiles(np.zeros((1, 2)), np.ones((1, 2)))
    assert samples.min(axis=2).mean() == pytest.approx(0, abs=1e-12)  # as if they rose and fell together
    assert independent(samples).min(axis=2).mean() == pytest.approx(-1 / np.pi**0.5, abs=0.05)
    problem = Problem([Task("a"), Task("b")], ["a", "b"], objective="worst")
    assert objective(problem, samples).mean() == pytest.approx(-1 / np.pi**0.5, abs=0.05)
    for target in range(2):
        np.testing.assert_allclose(independent(samples)[:, 0, target].std(), 1)


POOL = [Task(name) for name in "abcdefgh"]


def planted(mixture: Mixture) -> tuple[float, float]:
    """c and d trade b for a, e and f trade a for b, g helps both a little, h harms both."""
    gains = {"c": (0.1, -0.06), "d": (0.08, -0.05), "e": (-0.05, 0.08), "f": (-0.06, 0.1), "g": (0.02, 0.02)}
    gains["h"] = (-0.05, -0.05)
    a, b = (0.4 + sum(gains.get(name, (0, 0))[which] for name in mixture.names) for which in (0, 1))
    return a, b


def run(problem: Problem, runs: int, sampler=search.default, seed: int = 0) -> list[Mixture]:
    trials = [Trial(Request(Mixture()), {"a": TaskResult(0.3), "b": TaskResult(0.3)})]
    while len(trials) <= runs:
        (proposal,) = sampler(problem, trials, [], np.random.default_rng([seed, len(trials)]), 1)
        a, b = planted(proposal.request.mixture)
        trials.append(Trial(proposal.request, {"a": TaskResult(a), "b": TaskResult(b)}))
    return [trial.request.mixture for trial in trials[1:]]


def volume(mixtures: list[Mixture]) -> float:
    return hypervolume(np.array([planted(mixture) for mixture in mixtures]), np.full(2, 0.3))


def test_a_search_for_the_front_covers_more_of_it_than_one_for_the_mean_or_at_random():
    front, mean = (Problem(POOL, ["a", "b"], objective=which) for which in ("pareto", "mean"))
    whole = volume(list(front.mixtures()))
    widened = volume(run(front, 14))
    assert widened > 0.97 * whole
    assert widened > volume(run(mean, 14))
    assert widened > max(volume(run(front, 14, search.random, seed)) for seed in range(3))


def test_a_search_for_the_worst_target_finds_the_best_balance():
    problem = Problem(POOL, ["a", "b"], objective="worst")
    best = max(min(planted(mixture)) for mixture in problem.mixtures())
    assert max(min(planted(mixture)) for mixture in run(problem, 14)) == pytest.approx(best)


def test_gains_over_a_reference_count_where_targets_are_unequally_hard():
    problem = Problem(POOL, ["a", "b"], objective="worst", reference={"a": 0.4, "b": 0.1})
    best = max(min(planted(m)[0] - 0.4, planted(m)[1] - 0.1) for m in problem.mixtures())
    found = run(problem, 14)
    assert max(min(planted(m)[0] - 0.4, planted(m)[1] - 0.1) for m in found) == pytest.approx(best)


def test_a_front_is_proposed_for_its_volume_and_promises_no_score():
    problem = Problem(POOL, ["a", "b"], objective="pareto")
    trials = [Trial(Request(m), dict(zip("ab", map(TaskResult, planted(m)), strict=True))) for m in run(problem, 4)]
    belief = learn(problem, search.default, trials, 0)
    assert belief.front is not None
    assert undominated(belief.front.points).any()
    proposal = belief.proposal(problem.encode([problem.everything])[0].astype(np.int64))
    assert (proposal.reason, proposal.improvement) == ("predicted to widen the front", None)
