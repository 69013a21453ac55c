"""Candidate mixtures as arrays of parts: all of them where that is possible, else samples and neighbours."""

from collections.abc import Callable, Iterable, Set

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem

ENUMERABLE = 4096
"""Up to this many arrays of parts are listed; larger spaces are searched from samples."""
SAMPLED = 256
"""Random candidates where the space is not listed."""
CLIMBS = 4
"""Rounds of local search there, each from the best few of the round before."""
FRONT = 2
"""How many candidates each round climbs from."""


def is_enumerable(problem: Problem) -> bool:
    """Tells whether the space is small enough to list, without listing it."""
    return bool(_radices(problem).astype(float).prod() <= ENUMERABLE)


def enumerate_parts(problem: Problem) -> NDArray[np.int64]:
    """Gives every possible mixture once, as parts in lowest terms [mixture, task]; for enumerable spaces only."""
    radices, lowest = _radices(problem), _lowest(problem)
    grid = np.indices(tuple(radices)).reshape(len(radices), -1).T + lowest  # [mixture, task]
    return distinct(problem, grid)


def sample_parts(problem: Problem, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Gives at most `count` different random mixtures [mixture, task], each free task in or out with even odds.

    With more than one level, those that are in get 1 to `levels` parts, uniformly.
    """
    n = len(problem.tasks)
    required = _lowest(problem) > 0
    inside = rng.random((count, n)) < 0.5  # [mixture, task]
    return distinct(problem, _with_parts(problem, inside | required, rng))


def sample_sizes(problem: Problem, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Gives at most `count` different random mixtures [mixture, task] whose sizes are spread evenly.

    In a large pool nearly all mixtures hold about half of it; the best ones often hold few or nearly all.
    """
    required = _lowest(problem) > 0
    odds = rng.random((count, 1))  # [mixture, 1]
    inside = rng.random((count, len(required))) < odds  # [mixture, task]
    return distinct(problem, _with_parts(problem, inside | required, rng))


def neighbours(problem: Problem, parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gives every possible mixture that differs from one of `parts` [mixture, task] in the parts of one task."""
    lowest, found = _lowest(problem), []
    for column in range(parts.shape[1]):
        for level in range(int(lowest[column]), problem.levels + 1):
            changed = parts[parts[:, column] != level].copy()
            changed[:, column] = level
            found.append(changed)
    return distinct(problem, np.concatenate(found))


def distinct(problem: Problem, parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gives the possible rows of `parts` [mixture, task] in lowest terms, each once, in order of first appearance."""
    kept = parts[parts.any(axis=1)]
    if problem.levels > 1:
        kept = kept // np.gcd.reduce(kept, axis=1, keepdims=True)
    _, first = np.unique(kept, axis=0, return_index=True)
    return np.asarray(kept[np.sort(first)])


def best_candidate(
    problem: Problem,
    merit: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    known: Iterable[Mixture],
    rng: np.random.Generator,
    start: NDArray[np.int64],
) -> NDArray[np.int64] | None:
    """Gives the parts [task] of the mixture of most merit that is not `known`, or none if there is none.

    Exact where the space can be listed. Else the best of random mixtures of all sizes and of the neighbours of `start`
    [mixture, task], improved by a few rounds of local search.
    """
    seen = _rows(problem, known)
    if is_enumerable(problem):
        pool = _new(enumerate_parts(problem), seen)
        return pool[merit(pool).argmax()] if len(pool) else None
    front = _new(distinct(problem, np.concatenate([sample_sizes(problem, rng, SAMPLED), start])), seen)
    for step in range(CLIMBS):
        near = neighbours(problem, start if step == 0 else front)
        pool = _new(distinct(problem, np.concatenate([front, near])), seen)
        if not len(pool):
            return None
        front = pool[np.argsort(-merit(pool), kind="stable")[:FRONT]]
    return np.asarray(front[0])


def to_mixture(problem: Problem, parts: NDArray[np.int64]) -> Mixture:
    """Gives the mixture of one row of parts [task]."""
    return Mixture.of({name: int(count) for name, count in zip(problem.names, parts, strict=True)})


def is_new(problem: Problem, parts: NDArray[np.int64], known: Iterable[Mixture]) -> NDArray[np.bool_]:
    """Tells for each row of parts [mixture, task] in lowest terms whether it is none of the `known` mixtures."""
    return _are_new(parts, _rows(problem, known))


def _new(parts: NDArray[np.int64], seen: Set[bytes]) -> NDArray[np.int64]:
    return parts[_are_new(parts, seen)]


def _are_new(parts: NDArray[np.int64], seen: Set[bytes]) -> NDArray[np.bool_]:
    return np.array([row.tobytes() not in seen for row in parts], dtype=bool)


def _rows(problem: Problem, known: Iterable[Mixture]) -> Set[bytes]:
    """Gives the rows of parts of `known` mixtures in a form that can be looked up."""
    return {row.tobytes() for row in problem.encode(known).astype(np.int64)}


def _with_parts(problem: Problem, inside: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    if problem.levels == 1:
        return inside.astype(np.int64)
    return np.asarray(inside * rng.integers(1, problem.levels + 1, inside.shape))


def _lowest(problem: Problem) -> NDArray[np.int64]:
    return np.array([int(name in problem.required) for name in problem.names])


def _radices(problem: Problem) -> NDArray[np.int64]:
    return np.asarray(problem.levels + 1 - _lowest(problem))
