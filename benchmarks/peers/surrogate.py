"""The loop that published surrogates share: random mixtures first, then what a fitted model ranks best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.asking import random_start
from cotune.problem import Problem
from cotune.search.candidates import enumerate_parts, is_enumerable, is_new, sample_sizes, to_mixture
from cotune.search.history import mean_values, tried
from cotune.trial import Proposal, Request, Trial

Array: TypeAlias = NDArray[np.float64]
Merit: TypeAlias = Callable[[Array, Array, Array], Array]
"""Gives the merit [mixture] of candidates from parts [trial, task], scores [trial] and parts [mixture, task]."""

SAMPLED = 4096
"""Random candidates where the space cannot be listed."""


@dataclass(frozen=True)
class Surrogate:
    """A sampler that draws `first` mixtures at random and then takes those of most merit, fitted anew each time.

    A batch is the best few at once. `first` was chosen for each surrogate out of 4, 6 and 9 by 18 landscapes: nine for
    the mixing law, six for all others, after 12 runs as after 24.
    """

    merit: Merit
    first: int = 6

    def __call__(
        self,
        problem: Problem,
        finished: Sequence[Trial],
        pending: Sequence[Request],
        rng: np.random.Generator,
        count: int,
    ) -> list[Proposal]:
        """Proposes up to `count` untried mixtures."""
        start = random_start(self.first, problem, finished, pending, rng, count)
        if start is not None:
            return start
        values = mean_values(problem, finished)
        candidates = untried(problem, finished, pending, rng)  # [mixture, task]
        if not len(candidates):
            return []
        merit = self.merit(problem.encode(values), np.array(list(values.values())), candidates.astype(float))
        best = candidates[np.argsort(-merit, kind="stable")[:count]]
        return [Proposal(Request(to_mixture(problem, row)), "predicted best") for row in best]


def untried(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Gives the untried mixtures [mixture, task] in random order, so that ties are broken at random."""
    whole = enumerate_parts(problem) if is_enumerable(problem) else sample_sizes(problem, rng, SAMPLED)
    return rng.permutation(whole[is_new(problem, whole, tried(finished, pending))])


def shares(parts: Array) -> Array:
    """Gives the share of each task [mixture, task] in mixtures of `parts` [mixture, task]."""
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))
