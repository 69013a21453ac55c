"""Public suites that every sampler, predictor, acquisition and evaluation of cotune passes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.search.history import tried
from cotune.search.protocols import Acquisition, Predictor, Sampler
from cotune.task import Task
from cotune.trial import Evaluate, Proposal, Request, TaskResult, Trial


def check_sampler(sampler: Sampler, problem: Problem, scores: Sequence[float], *, batch: int = 1) -> None:
    """Checks a sampler's promises over a search of len(scores) runs, whose n-th run scores scores[n] on every task.

    A score that is nan stands for a failed run. Half of each batch is pending when the next is asked for.

    Raises:
        AssertionError: names the promise that it broke.
    """
    finished: list[Trial] = []
    pending: list[Request] = []
    while len(finished) + len(pending) < len(scores):
        seed = len(finished) + len(pending)
        proposals = sampler(problem, tuple(finished), tuple(pending), np.random.default_rng(seed), batch)
        again = sampler(problem, tuple(finished), tuple(pending), np.random.default_rng(seed), batch)
        _expect(proposals == again, "the same inputs and generator give the same proposals")
        _expect(len(proposals) <= batch, f"it proposes at most {batch} at a time")
        _check_proposals(problem, proposals, finished, pending)
        if not proposals and not pending:
            return
        pending += [proposal.request for proposal in proposals]
        for _ in range(max(1, (len(pending) + 1) // 2)):
            finished.append(_trial(problem, pending.pop(0), scores[len(finished) % len(scores)]))


def _check_proposals(
    problem: Problem, proposals: Sequence[Proposal], finished: Sequence[Trial], pending: Sequence[Request]
) -> None:
    known = tried(finished, pending)
    requests = {trial.request for trial in finished} | set(pending)
    for proposal in proposals:
        request = proposal.request
        _expect(problem.is_possible(request.mixture), f"every mixture is possible; {request.mixture} is not")
        _expect(bool(proposal.reason), "every proposal gives a reason")
        _expect(request not in requests, f"no request is made twice; {request} is")
        fresh = request.mixture not in known or proposal.reason.startswith("repeat")
        _expect(fresh, f"a mixture is run again only for a reason that begins with 'repeat'; {request.mixture} is")
        expected = [value for value in (proposal.mean, proposal.sd, proposal.improvement) if value is not None]
        _expect(bool(np.isfinite(expected).all()), "predictions are finite")
        known.add(request.mixture)
        requests.add(request)


def _trial(problem: Problem, request: Request, score: float) -> Trial:
    if not np.isfinite(score):
        return Trial(request, error="failed on purpose")
    return Trial(request, {name: TaskResult(score) for name in problem.names})


def check_predictor(predictor: Predictor, *, features: int = 4, targets: int = 2) -> None:
    """Checks a predictor's promises on random data: shapes, finiteness, determinism, and no change by `fit`.

    Features are whole numbers from 0 to 2, at least one of them positive, as parts of a mixture are.

    Raises:
        AssertionError: names the promise that it broke.
    """
    rng = np.random.default_rng(0)
    for trials in (2, 3, 12):
        x, y = _random_parts(rng, trials, features), rng.standard_normal((trials, targets))
        candidates = _random_parts(rng, 7, features)
        _check_fit(predictor, x, y, candidates)
        _check_fit(predictor, x, np.ones_like(y), candidates)
        _check_fit(predictor, np.repeat(x[:1], trials, axis=0), y, candidates)


def _check_fit(
    predictor: Predictor, x: NDArray[np.float64], y: NDArray[np.float64], candidates: NDArray[np.float64]
) -> None:
    inputs = (x.copy(), y.copy(), candidates.copy())
    first = predictor.fit(x, y).predict(candidates)
    _expect(first.ndim == 3 and first.shape[1:] == (len(candidates), y.shape[1]), "axes are [sample, mixture, target]")
    _expect(bool(np.isfinite(first).all()), "predictions are finite")
    unchanged = all(np.array_equal(a, b) for a, b in zip(inputs, (x, y, candidates), strict=True))
    _expect(unchanged, "it leaves its inputs alone")
    _expect(np.array_equal(first, predictor.fit(x, y).predict(candidates)), "the same data give the same predictions")
    order = np.arange(len(candidates))[::-1]
    turned = predictor.fit(x, y).predict(candidates[order])[:, order]
    _expect(np.allclose(first, turned, atol=1e-8), "a candidate's prediction does not depend on the others'")


def check_acquisition(acquisition: Acquisition) -> None:
    """Checks an acquisition's promises: one finite merit a mixture, by mixture alone, more for more of the same.

    Raises:
        AssertionError: names the promise that it broke.
    """
    values = np.random.default_rng(0).standard_normal((8, 5))  # [sample, mixture]
    merit = acquisition(values)
    _expect(merit.shape == (5,), "axes are [mixture]")
    for case in (values, np.zeros((8, 5)), values[:1]):
        _expect(bool(np.isfinite(acquisition(case)).all()), "merits are finite")
    _expect(np.allclose(acquisition(values[:, ::-1]), merit[::-1]), "a candidate's merit is its own")
    _expect(np.allclose(acquisition(values[::-1]), merit), "the order of samples does not matter")
    _expect(bool((acquisition(values + 1) >= merit).all()), "a higher prediction never has less merit")


def check_evaluate(evaluate: Evaluate, problem: Problem) -> None:
    """Checks an evaluation's promises: one trial for each request, every target scored or an error named.

    It runs the two anchors, twice: a request gives the same scores again.

    Raises:
        AssertionError: names the promise that it broke.
    """
    requests = list(dict.fromkeys([Request(problem.target_only), Request(problem.everything)]))
    first = {trial.request: trial for trial in evaluate(requests)}
    again = {trial.request: trial for trial in evaluate(requests)}
    _expect(set(first) == set(requests), "every request ends as one trial")
    for request, trial in first.items():
        if trial.is_finished:
            _expect(bool(np.isfinite(problem.value(trial))), f"every target of {request.mixture} has a finite score")
            _expect(problem.value(trial) == problem.value(again[request]), "the same request gives the same score")
        else:
            _expect(bool(trial.error), f"the failure of {request.mixture} says why")
    _expect(not list(evaluate([])), "no request, no trial")


def example_problem(size: int = 4, *, levels: int = 1, targets: int = 1) -> Problem:
    """Gives a problem of nameless tasks t0, t1, ..., the first `targets` of which are the targets."""
    names = [f"t{index}" for index in range(size)]
    return Problem([Task(name) for name in names], targets=names[:targets], levels=levels)


def _random_parts(rng: np.random.Generator, mixtures: int, tasks: int) -> NDArray[np.float64]:
    parts = rng.integers(0, 3, (mixtures, tasks)).astype(float)  # [mixture, task]
    parts[:, 0] = 1
    return parts


def _expect(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"Broken promise: {promise}.")
