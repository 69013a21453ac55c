"""What an evaluation gives becomes a finished trial or one that failed by name, and the study goes on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from gains import measure, run

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, each
from cotune.study import EvaluateError
from cotune.study.outcomes import outcomes


def test_a_failed_trial_is_retried_once_and_counted(tmp_path: Path) -> None:
    seen: set[Request] = set()

    def flaky(request: Request) -> dict[str, float]:
        if len(request.mixture) == 2 and request not in seen:
            seen.add(request)
            raise MemoryError("out of memory")
        if len(request.mixture) == 3:
            raise ValueError("never works")
        return measure(request)

    study = run(tmp_path, each(flaky), trials=20)
    for record in study.records():
        if record.trial and len(record.request.mixture) in (2, 3):
            assert record.attempts == 2 or not record.trial.is_finished
            assert record.trial.is_finished == (len(record.request.mixture) == 2) or record.attempts == 1
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) in (19, 20)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"a": float("inf")}, "the score of 'a' is inf"),
        ({"a": float("-inf")}, "the score of 'a' is -inf"),
        ({"a": float("nan")}, "the score of 'a' is nan"),
        ({"a": 0.5, "b": float("nan")}, "the score of 'b' is nan"),
        ({"a": None}, "no score for target 'a'"),
        ({"a": "0.5"}, "the score of 'a' is '0.5'"),
        ({"a": True}, "the score of 'a' is True"),
        ({"b": 0.5}, "no score for target 'a'"),
        ({"a": 0.5, "typo": 0.5}, "unknown datasets ['typo']"),
        ({"a": 0.5, 3: 0.5}, "unknown datasets ['3']"),
        (None, "got None"),
    ],
)
def test_a_score_that_cannot_be_used_fails_its_trial_by_name(tmp_path: Path, scores: object, words: str) -> None:
    study = run(tmp_path, each(lambda request: measure(request) if request.seed else scores), trials=8)  # type: ignore[arg-type, return-value]
    first = study.records()[1]
    assert first.trial is not None
    assert words in str(first.trial.error)
    assert first.attempts == 2
    finished = [record for record in study.records() if record.trial and record.trial.is_finished]
    assert {record.request.seed for record in finished} <= {1, 101, 102}


def test_a_nan_loss_is_never_a_finished_trial(tmp_path: Path) -> None:
    study = run(tmp_path, each(lambda request: Trial(request, {"a": TaskResult(0.5, float("nan"))})), trials=4)
    assert study.stopped == "failures"
    assert "the loss of 'a' is nan" in str(study.records()[1].trial)


def test_numpy_numbers_become_plain_ones(tmp_path: Path) -> None:
    study = run(tmp_path, each(lambda request: {"a": np.float32(0.5)}), trials=2)  # type: ignore[dict-item]
    assert all(type(record.trial.results["a"].score) is float for record in study.records() if record.trial)


def test_a_trial_nobody_asked_for_is_an_error_and_a_missing_one_a_failure(tmp_path: Path) -> None:
    def stray(requests: Sequence[Request]) -> Iterable[Trial]:
        yield Trial(Request(Mixture.of("bc"), 77), {"a": TaskResult(0.5)})

    def twice(requests: Sequence[Request]) -> Iterable[Trial]:
        yield from [Trial(requests[0], {"a": TaskResult(0.5)})] * 2

    for evaluate in (stray, twice, lambda requests: [0.5]):
        with pytest.raises(EvaluateError):
            run(tmp_path / "stray", evaluate, trials=4)  # type: ignore[arg-type]
    study = run(tmp_path / "missing", lambda requests: [], trials=4)
    assert "without a result" in str(study.records()[1].trial)


def test_in_a_batch_only_the_one_that_raises_fails(tmp_path: Path) -> None:
    def evaluate(request: Request) -> dict[str, float]:
        if request.mixture == Mixture.of("abcde"):
            raise RuntimeError("too long")
        return measure(request)

    study = run(tmp_path, each(evaluate), trials=12, batch=4)
    failed = {record.request.mixture for record in study.records() if record.trial and not record.trial.is_finished}
    assert failed == {Mixture.of("abcde")}


ODD: Mapping[str, tuple[object, str]] = {
    "a bare score": ({"a": 0.5}, "the result of 'a' is 0.5, not a cotune.TaskResult"),
    "no mapping": (None, "NoneType"),
    "a score past all floats": ({"a": TaskResult(10**400)}, "not a finite number"),
    "metrics that are none": ({"a": TaskResult(0.5, metrics=cast("dict[str, float]", None))}, "NoneType"),
    "a count that is none": ({"a": TaskResult(0.5, malformed=cast(int, float("nan")))}, "cannot convert float NaN"),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("many", [1, 2])
def test_a_trial_that_cannot_be_read_fails(kind: str, many: int) -> None:
    results, words = ODD[kind]
    requests = [Request(Mixture.of("a"), seed) for seed in range(many)]
    problem = Problem([Task("a"), Task("b")], targets=["a"])
    calls = 0

    def evaluate(batch: Sequence[Request]) -> Iterator[Trial]:
        nonlocal calls
        calls += 1
        return (Trial(request, cast("dict[str, TaskResult]", results)) for request in batch)

    trials = list(outcomes(problem, evaluate, requests, is_stopped=lambda: False))
    assert [trial.request for trial in trials] == requests
    assert all(words in str(trial.error) for trial in trials)
    assert calls <= 1 + many
