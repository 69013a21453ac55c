"""A problem says what may be tried and what counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, each

POOL = tuple(Task(name) for name in "abcd")


@given(st.integers(1, 4), st.integers(1, 9), st.booleans())
@settings(deadline=None)
def test_count_equals_enumeration(size, levels, is_required):
    tasks = [Task(f"t{index}") for index in range(size)]
    problem = Problem(tasks, ["t0"], required=None if is_required else [], levels=levels)
    mixtures = list(problem.mixtures())
    assert problem.count() == len(mixtures) == len(set(mixtures))
    assert all(problem.is_possible(mixture) for mixture in mixtures)


def test_twelve_datasets_make_2048_combinations():
    tasks = [Task(f"t{index}") for index in range(12)]
    problem = Problem(tasks, ["t3"])
    assert problem.count() == 2048
    assert all("t3" in mixture for mixture in problem.mixtures())


def test_a_space_too_large_to_list_is_counted():
    tasks = [Task(f"t{index}") for index in range(200)]
    assert Problem(tasks, ["t0"], levels=2).count() == 2 * 3**199 - 2**199  # all parts even: halved, they are there too


def test_encode_has_a_row_a_mixture_and_a_column_a_task():
    encoded = Problem(POOL, ["a"]).encode([Mixture.of(["c", "a"]), Mixture.of({"a": 1, "b": 2})])
    np.testing.assert_array_equal(encoded, [[1, 0, 1, 0], [1, 2, 0, 0]])
    assert Problem(POOL, ["a"]).encode([]).shape == (0, 4)


def test_value_is_the_weighted_mean_of_target_scores():
    problem = Problem(POOL, {"a": 3, "b": 1})
    trial = Trial(Request(problem.everything), {"a": TaskResult(0.8), "b": TaskResult(0.4), "c": TaskResult(0.0)})
    assert problem.value(trial) == pytest.approx(0.7)
    with pytest.raises(ValueError, match=r"no score for target 'a'.*diverged"):
        problem.value(Trial(Request(problem.everything), error="diverged"))


def test_the_worst_target_counts_from_its_reference():
    trial = Trial(Request(Mixture.of("ab")), {"a": TaskResult(0.8), "b": TaskResult(0.4)})
    assert Problem(POOL, ["a", "b"], objective="worst").value(trial) == pytest.approx(0.4)
    assert Problem(POOL, ["a", "b"], objective="worst", reference={"a": 0.7}).value(trial) == pytest.approx(0.1)
    assert Problem(POOL, {"a": 3, "b": 1}, objective="pareto").value(trial) == pytest.approx(0.7)


def test_what_must_be_measured_are_targets_then_what_is_to_be_kept():
    problem = Problem(POOL, ["c", "a"], keep={"b": 0.1, "a": 0.0})
    assert problem.measured == ("c", "a", "b")
    assert problem.alone("b").targets == ("b",)
    assert problem.alone("b").keep == {}


def test_impossible_mixtures():
    problem = Problem(POOL, ["a"])
    assert problem.is_possible(Mixture.of(["a"]))
    for mixture in (Mixture(), Mixture.of(["b"]), Mixture.of(["a", "z"]), Mixture.of({"a": 1, "b": 2})):
        assert not problem.is_possible(mixture)


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (["aa"], {}, r"Unknown datasets \['aa'\].*Did you mean 'a'"),
        ([], {}, "at least one target"),
        ({"a": 0}, {}, "positive"),
        ({"a": float("nan")}, {}, "positive"),
        (["a"], {"levels": 0}, "from 1 to 9; got 0"),
        (["a"], {"levels": 10}, "from 1 to 9; got 10"),
        (["a"], {"required": ["q"]}, "Unknown datasets"),
        (["a"], {"objective": "best"}, "one of mean, worst, pareto; got 'best'"),
        (["a"], {"objective": "pareto"}, "of 2 to 4 targets; got 1"),
        (["a"], {"reference": {"b": 0.1}}, r"\['b'\] are none"),
        (["a"], {"reference": {"a": float("inf")}}, "finite"),
        (["a"], {"keep": {"q": 0.1}}, "Unknown datasets"),
        (["a"], {"keep": {"b": -0.1}}, ">= 0"),
        (["a"], {"keep": {"b": float("nan")}}, ">= 0"),
    ],
)
def test_mistakes_are_named(targets, options, message):
    with pytest.raises(ValueError, match=message):
        Problem(POOL, targets, **options)


def test_names_are_unique_and_plain():
    with pytest.raises(ValueError, match=r"repeated: \['a'\]"):
        Problem([Task("a"), Task("a")], ["a"])
    for name in ("", " a", "a/b", "..", "-rf", "a\nb", "a\\b", "c:", "x" * 101):
        with pytest.raises(ValueError, match="dataset name"):
            Task(name)


def test_each_lifts_a_function():
    seen = list(each(lambda request: {"a": float(request.seed)})([Request(Mixture.of(["a"]), seed=2)]))
    assert [(trial.request.seed, trial.results["a"].score) for trial in seen] == [(2, 2.0)]


@pytest.mark.parametrize("options", [{"seed": -1}, {"fidelity": 0.0}, {"fidelity": 1.5}])
def test_requests_are_checked(options):
    with pytest.raises(ValueError, match=r"seed|Fidelity"):
        Request(Mixture.of(["a"]), **options)
