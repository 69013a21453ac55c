"""Greedy search: one dataset more (forward) or one fewer (backward) at a time, from an anchor."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.anchors import anchors
from cotune.search.history import first_untried, mean_values, tried
from cotune.trial import Proposal, Request, Trial


def greedy_forward(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,  # noqa: ARG001 - the sampler protocol
    count: int,
) -> list[Proposal]:
    """Proposes to add each dataset in turn to the best addition so far, beginning with the targets alone."""
    return _climb(problem, finished, pending, count, start=problem.target_only)


def greedy_backward(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,  # noqa: ARG001 - the sampler protocol
    count: int,
) -> list[Proposal]:
    """Proposes to drop each dataset in turn from the best reduction so far, beginning with all datasets."""
    return _climb(problem, finished, pending, count, start=problem.everything)


def anchored_greedy(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,  # noqa: ARG001 - the sampler protocol
    count: int,
) -> list[Proposal]:
    """Proposes both anchors, then climbs from the better one (from the targets alone if they tie)."""
    opening = first_untried(anchors(problem), finished, pending, count)
    if opening:
        return opening
    values = mean_values(problem, finished)
    forward, backward = (values.get(anchor, -np.inf) for anchor, _ in anchors(problem))
    start = problem.target_only if forward >= backward else problem.everything
    return _climb(problem, finished, pending, count, start=start)


def _climb(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], count: int, *, start: Mixture
) -> list[Proposal]:
    """Follows the path that the trials already decide and proposes its next untried step.

    It goes on to the best step even where that is worse than the place it leaves: the choice at the end is the best
    of all runs, so that going on costs nothing and leaves small local optima. Ties go to the earlier dataset.
    """
    values, known = mean_values(problem, finished), tried(finished, pending)
    place: Mixture | None = start
    if start not in known:
        reason = "start: targets alone" if start == problem.target_only else "start: all datasets"
        return first_untried([(start, reason)], finished, pending, count)
    while place is not None:
        steps = list(_steps(problem, place, forward=start == problem.target_only))
        fresh = first_untried(steps, finished, pending, count)
        if fresh:
            return fresh
        place = _best([mixture for mixture, _ in steps], values, pending)
    return []


def _steps(problem: Problem, place: Mixture, *, forward: bool) -> Iterator[tuple[Mixture, str]]:
    parts = place.to_json()
    for name in problem.free:
        if forward and name not in place:
            yield Mixture.of({**parts, name: 1}), f"greedy: add {name} to {place}"
        if not forward and name in place and len(place) > 1:
            yield Mixture.of({**parts, name: 0}), f"greedy: drop {name} from {place}"


def _best(steps: list[Mixture], values: Mapping[Mixture, float], pending: Sequence[Request]) -> Mixture | None:
    """Gives the best measured step, or none while a step is still pending or if none was measured."""
    waiting = {request.mixture for request in pending}
    measured = [mixture for mixture in steps if mixture in values]
    if not measured or any(mixture in waiting for mixture in steps):
        return None
    return max(measured, key=lambda mixture: values[mixture])
