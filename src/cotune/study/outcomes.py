"""Running a batch of requests so that exactly one trial comes back for each, whatever the evaluation does."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from math import isfinite
from numbers import Real

from cotune.blame import place_of
from cotune.problem import Problem
from cotune.trial import Evaluate, Request, TaskResult, Trial


class EvaluateError(ValueError):
    """An evaluation broke its contract in a way that no single trial can be blamed for."""


def outcomes(
    problem: Problem, evaluate: Evaluate, requests: Sequence[Request], *, is_stopped: Callable[[], bool]
) -> Iterator[Trial]:
    """Yields one trial per request, as each ends; none for those that were running when `is_stopped` turned true.

    An exception of a batch of one becomes its failed trial; after one of a larger batch the requests without a trial
    are run one by one, so that the right one is blamed.

    Raises:
        EvaluateError: the evaluation gave something else than the trials of what was asked for, once each.
    """
    waiting = list(requests)
    started = time.monotonic()
    try:
        for trial in _run(evaluate, requests):
            _check_asked(trial, waiting)
            ended = _timed(checked(problem, trial), time.monotonic() - started)
            waiting.remove(trial.request)
            yield ended
            started = time.monotonic()
            if is_stopped():
                return
        reason = "the evaluation ended without a result for this request"
    except EvaluateError:
        raise
    except Exception as error:  # noqa: BLE001 - a user's evaluation may raise anything; it becomes the trial's error
        reason = _reason(error)
        if len(waiting) > 1:
            yield from _one_by_one(problem, evaluate, waiting, is_stopped)
            return
    if not is_stopped():
        yield from (_timed(Trial(request, error=reason), time.monotonic() - started) for request in waiting)


def _one_by_one(
    problem: Problem, evaluate: Evaluate, requests: Sequence[Request], is_stopped: Callable[[], bool]
) -> Iterator[Trial]:
    for request in requests:
        if not is_stopped():
            yield from outcomes(problem, evaluate, [request], is_stopped=is_stopped)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error} ({place_of(error)})"


def _run(evaluate: Evaluate, requests: Sequence[Request]) -> Iterator[Trial]:
    trials = evaluate(list(requests))
    try:
        yield from trials
    finally:
        if isinstance(trials, Generator):
            trials.close()


def _check_asked(trial: object, waiting: Sequence[Request]) -> None:
    if not isinstance(trial, Trial):
        raise EvaluateError(
            f"An evaluation yields cotune.Trial; got {type(trial).__name__}. Lift a plain function with each(f)."
        )
    if trial.request not in waiting:
        raise EvaluateError(
            f"The evaluation gave a trial of {trial.request.mixture} (seed {trial.request.seed}) that was not asked "
            f"for, or gave it twice; it yields one trial for each request of its batch."
        )


def _timed(trial: Trial, seconds: float) -> Trial:
    return trial if trial.seconds else replace(trial, seconds=seconds)


def checked(problem: Problem, trial: Trial) -> Trial:
    """Gives the trial with plain numbers, or, if a score cannot be used, the failed trial that says whose and why."""
    if not trial.is_finished:
        return trial
    fault = _fault(problem, trial)
    if fault is not None:
        return replace(trial, results={}, error=fault)
    return replace(trial, results={name: _plain(result) for name, result in trial.results.items()})


def _fault(problem: Problem, trial: Trial) -> str | None:
    unknown = sorted(str(name) for name in trial.results if name not in problem.names)
    if unknown:
        return f"results for unknown datasets {unknown}; the pool has {list(problem.names)}"
    for name, result in trial.results.items():
        if not isinstance(result, TaskResult):
            return f"the result of {name!r} is {result!r}, not a cotune.TaskResult"
    if not 0 < trial.reached <= 1:
        return f"it reached {trial.reached!r} of its budget; that is a fraction in (0, 1]"
    if trial.reached < 1:
        return None
    for name in problem.targets:
        if name not in trial.results or trial.results[name].score is None:
            return f"no score for target {name!r}"
    for name in problem.keep:
        if name not in trial.results or trial.results[name].score is None:
            return f"no score for {name!r}, which is to be kept (keep)"
    faults = (_result_fault(name, result) for name, result in trial.results.items())
    return next((fault for fault in faults if fault is not None), None)


def _result_fault(name: str, result: TaskResult) -> str | None:
    for what, value in (("score", result.score), ("loss", result.loss), *result.metrics.items()):
        if value is not None and not _is_number(value):
            return f"the {what} of {name!r} is {value!r}, not a finite number"
    return None


def _is_number(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer past the largest float
        return False


def _plain(result: TaskResult) -> TaskResult:
    return replace(
        result,
        score=None if result.score is None else float(result.score),
        loss=None if result.loss is None else float(result.loss),
        metrics={name: float(value) for name, value in result.metrics.items()},
        malformed=int(result.malformed),
    )
