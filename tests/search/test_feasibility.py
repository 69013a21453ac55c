"""A search under a constraint: merit times the chance that it holds, and what the loop finds."""

import numpy as np
import pytest
from scipy.stats import norm

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, search
from cotune.search.feasibility import feasibility
from cotune.search.predictive import learn
from cotune.verdict import choose

POOL = [Task(name) for name in "abcdefgh"]
PROBLEM = Problem(POOL, ["a"], keep={"h": 0.02})


def test_chances_are_those_of_independent_normals():
    problem = Problem(POOL, ["a"], keep={"h": 0.1, "b": 0.1})
    nodes = norm.ppf((np.arange(1000) + 0.5) / 1000)[:, None]  # [sample, 1]
    predicted = np.stack([0 * nodes, 0.5 + 0.1 * nodes, 0.4 + 0.2 * nodes], axis=2)  # [sample, mixture, output]
    found = feasibility(problem, predicted, {"h": 0.45, "b": 0.6})
    assert found[0] == pytest.approx(norm.cdf(0.5) * norm.cdf(-1.0), rel=0.01)


def test_what_is_certain_holds_or_not_and_what_is_not_predicted_counts_as_kept():
    predicted = np.array([[[0.0, 0.5], [0.0, 0.4], [0.0, np.nan]]] * 2)
    np.testing.assert_array_equal(feasibility(PROBLEM, predicted, {"h": 0.5}), [1, 0, 1])
    np.testing.assert_array_equal(feasibility(Problem(POOL, ["a"]), predicted, {}), [1, 1, 1])


def planted(mixture: Mixture) -> tuple[float, float]:
    """b to g help a, but b and c cost h more than is allowed."""
    gains = {"b": 0.2, "c": 0.15, "d": 0.05, "e": 0.03, "f": -0.04, "g": -0.06}
    costs = {"b": 0.08, "c": 0.06, "f": -0.01}
    return 0.4 + sum(gains.get(name, 0) for name in mixture.names), 0.5 - sum(costs.get(n, 0) for n in mixture.names)


def trial(mixture: Mixture) -> Trial:
    score, kept = planted(mixture)
    return Trial(Request(mixture), {"a": TaskResult(score), "h": TaskResult(kept)})


def run(sampler, problem: Problem, runs: int) -> list[Trial]:
    trials = [trial(Mixture())]
    while len(trials) <= runs:
        (proposal,) = sampler(problem, trials, [], np.random.default_rng(len(trials)), 1)
        trials.append(trial(proposal.request.mixture))
    return trials


@pytest.mark.parametrize("sampler", [search.default, search.process, search.neural])
def test_the_loop_finds_the_best_that_keeps_it(sampler):
    allowed = [m for m in PROBLEM.mixtures() if planted(m)[1] >= planted(Mixture())[1] - 0.02]
    best = max(planted(m)[0] for m in allowed)
    found = choose(PROBLEM, run(sampler, PROBLEM, 16))
    assert planted(found)[0] == pytest.approx(best)
    assert planted(choose(Problem(POOL, ["a"]), run(sampler, Problem(POOL, ["a"]), 16)))[1] < 0.48


def test_most_of_a_search_is_spent_on_what_keeps_it():
    trials = run(search.default, PROBLEM, 16)
    heedless = run(search.default, Problem(POOL, ["a"]), 16)
    kept = [[planted(t.request.mixture)[1] >= 0.48 for t in some[3:]] for some in (trials, heedless)]
    assert sum(kept[0]) > 2 * sum(kept[1])


def test_while_nothing_keeps_it_the_search_looks_for_what_does():
    gone = [trial(Mixture())] + [trial(Mixture.of(names)) for names in ("ab", "abc", "abde")]
    belief = learn(PROBLEM, search.default, gone, 0)
    assert not belief.allowed.mixtures
    with_b, without = belief.merit(PROBLEM.encode([Mixture.of("abf"), Mixture.of("af")]).astype(np.int64))
    assert without > with_b
    proposal = belief.proposal(PROBLEM.encode([Mixture.of("af")])[0].astype(np.int64))
    assert (proposal.reason, proposal.improvement) == ("predicted to keep what is to be kept", None)


def test_a_predictor_that_does_not_see_what_is_kept_goes_on_by_what_it_sees():
    base = Trial(Request(Mixture()), {"a": TaskResult(0.4), "h": TaskResult(9.0)})  # whom nothing reaches
    trials = [base, *run(search.default, Problem(POOL, ["a"]), 8)[1:]]
    proposals = search.prior_fitted(PROBLEM, trials, [], np.random.default_rng(0), 3)
    assert {proposal.reason for proposal in proposals} == {"predicted to improve"}
    assert all({"b", "c"} <= set(proposal.request.mixture.names) for proposal in proposals)


def test_without_the_base_model_a_search_says_what_is_missing():
    anchors = [trial(PROBLEM.target_only), trial(PROBLEM.everything)]
    with pytest.raises(ValueError, match="keep compares with the untrained base model"):
        search.default(PROBLEM, anchors, [], np.random.default_rng(0), 1)
