import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, search
from cotune.config import names
from cotune.search import Sampler
from cotune.testing import check_sampler, example_problem, landscape

SAMPLERS = {name: names.imported(place, what="sampler") for name, place in names.SAMPLERS.items()}
CHEAP = [name for name in SAMPLERS if name not in ("neural", "prior_fitted", "process", "default")]


def run(sampler: Sampler, problem: Problem, values: dict[Mixture, float], runs: int) -> list[Mixture]:
    trials: list[Trial] = []
    while len(trials) < runs:
        proposals = sampler(problem, trials, [], np.random.default_rng(len(trials)), 1)
        if not proposals:
            break
        request = proposals[0].request
        trials.append(Trial(request, {name: TaskResult(values.get(request.mixture, 0.0)) for name in problem.targets}))
    return [trial.request.mixture for trial in trials]


scores = st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=10)


@pytest.mark.parametrize("name", CHEAP)
@given(scores, st.integers(1, 6), st.integers(1, 2), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_simple_sampler_keeps_its_promises(name, scores, size, levels, batch):
    check_sampler(SAMPLERS[name], example_problem(size, levels=levels), scores, batch=batch)


@pytest.mark.parametrize("name", ["process", "default"])
@given(scores, st.integers(1, 5), st.integers(1, 2), st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_a_predicting_sampler_keeps_its_promises(name, scores, size, levels, batch):
    check_sampler(SAMPLERS[name], example_problem(size, levels=levels, targets=min(2, size)), scores, batch=batch)


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize(
    ("size", "scores"), [(1, [0.5] * 3), (4, [0.5] * 20), (4, [float("nan")] * 20), (64, [0.1, 0.2, float("nan"), 0.3])]
)
def test_extreme_pools_and_scores(name, size, scores):
    check_sampler(SAMPLERS[name], example_problem(size), scores, batch=2)


@pytest.mark.parametrize("name", ["random", "process", "default"])
def test_every_mixture_is_tried_before_the_search_ends(name):
    problem = example_problem(3, levels=2)
    assert set(run(SAMPLERS[name], problem, {}, 100)) == set(problem.mixtures())


@pytest.mark.parametrize("name", ["random", "neural", "default"])
def test_a_batch_holds_different_mixtures(name):
    problem = example_problem(6)
    values = {mixture: len(mixture) / 6 for mixture in problem.mixtures()}
    done = [
        Trial(Request(mixture), {"t0": TaskResult(values[mixture])})
        for mixture in (problem.target_only, problem.everything)
    ]
    proposals = SAMPLERS[name](problem, done, [], np.random.default_rng(0), 8)
    assert len({proposal.request.mixture for proposal in proposals}) == 8


def test_predicting_samplers_say_what_they_expect():
    problem = example_problem(5)
    done = [Trial(Request(m), {"t0": TaskResult(len(m) / 5)}) for m in (problem.target_only, problem.everything)]
    for sampler in (search.default, search.neural):
        (proposal,) = sampler(problem, done, [], np.random.default_rng(0), 1)
        assert proposal.sd is not None
        assert proposal.sd > 0
        assert proposal.improvement is not None
        assert proposal.improvement > 0


def test_forward_adds_the_best_dataset_at_each_step():
    problem = Problem([Task(name) for name in "abcd"], targets=["a"])
    values = {Mixture.of("ac"): 0.9, Mixture.of("acd"): 0.95}
    path = run(search.greedy_forward, problem, values, 100)
    assert path == [Mixture.of(names) for names in ("a", "ab", "ac", "ad", "abc", "acd", "abcd")]


def test_backward_mirrors_forward():
    problem = Problem([Task(name) for name in "abcd"], targets=["a"])
    values = {Mixture.of("abd"): 0.9, Mixture.of("ab"): 0.95}
    path = run(search.greedy_backward, problem, values, 100)
    assert path == [Mixture.of(names) for names in ("abcd", "acd", "abd", "abc", "ad", "ab", "a")]


@pytest.mark.parametrize(("alone", "third"), [(0.6, "ab"), (0.4, "acd"), (0.5, "ab")])
def test_anchored_greedy_climbs_from_the_better_anchor_and_ties_go_to_the_smaller(alone, third):
    problem = Problem([Task(name) for name in "abcd"], targets=["a"])
    values = {Mixture.of("a"): alone, Mixture.of("abcd"): 0.5}
    assert run(search.anchored_greedy, problem, values, 3)[2] == Mixture.of(third)


def test_leave_one_out_ends_with_what_does_not_harm():
    problem = Problem([Task(name) for name in "abcd"], targets=["a"])
    values = {Mixture.of("abcd"): 0.5, Mixture.of("acd"): 0.7, Mixture.of("abd"): 0.3, Mixture.of("abc"): 0.6}
    path = run(search.leave_one_out, problem, values, 100)
    assert path[-1] == Mixture.of("ac")


def test_greedy_waits_for_pending_steps():
    problem = Problem([Task(name) for name in "abc"], targets=["a"])
    start = Trial(Request(Mixture.of("a")), {"a": TaskResult(0.1)})
    one = Trial(Request(Mixture.of("ab")), {"a": TaskResult(0.2)})
    pending = [Request(Mixture.of("ac"))]
    assert search.greedy_forward(problem, [start, one], pending, np.random.default_rng(0), 4) == []


def test_trials_of_other_pools_and_the_base_model_are_not_learned_from():
    problem = example_problem(3)
    base = Trial(Request(Mixture()), {"t0": TaskResult(9.0)})
    foreign = Trial(Request(Mixture.of(["t0", "gone"])), {"t0": TaskResult(9.0)})
    anchors = [Trial(Request(m), {"t0": TaskResult(0.5)}) for m in (problem.target_only, problem.everything)]
    clean = search.default(problem, anchors, [], np.random.default_rng(0), 1)
    assert search.default(problem, [base, foreign, *anchors], [], np.random.default_rng(0), 1) == clean


@pytest.mark.parametrize("name", ["neural", "default"])
def test_a_large_pool_is_searched_beyond_its_anchors(name):
    pool = landscape("growing", np.random.default_rng(1), size=64)
    problem, evaluate = pool.problem(), pool.evaluate()
    trials: list[Trial] = []
    for _ in range(10):
        proposals = SAMPLERS[name](problem, trials, [], np.random.default_rng(len(trials)), 1)
        trials += evaluate([proposal.request for proposal in proposals])
    values = [problem.value(trial) for trial in trials]
    assert max(values[2:]) > max(values[:2])
