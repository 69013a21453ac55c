"""Exhaustive search: every possible mixture with every seed, which makes a table of the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cotune.problem import Problem
from cotune.trial import Proposal, Request, Trial


@dataclass(frozen=True)
class Exhaustive:
    """Proposes every mixture of the problem in turn, with the first seed, then with the next.

    >>> from cotune import Task
    >>> problem = Problem([Task("a"), Task("b")], targets=["a"])
    >>> [str(one.request.mixture) for one in Exhaustive()(problem, [], [], np.random.default_rng(), 9)]
    ['a', 'a + b']
    """

    seeds: tuple[int, ...] = (0,)

    def __call__(
        self,
        problem: Problem,
        finished: Sequence[Trial],
        pending: Sequence[Request],
        rng: np.random.Generator,  # noqa: ARG002
        count: int,
    ) -> list[Proposal]:
        """Gives the next `count` requests that neither ended nor are pending."""
        known = {trial.request for trial in finished} | set(pending)
        first = self.seeds[0]
        wanted = (Request(mixture, seed) for seed in self.seeds for mixture in problem.mixtures())
        new = (request for request in wanted if request not in known)
        return [
            Proposal(request, "exhaust" if request.seed == first else "repeat: exhaust")
            for request in islice(new, count)
        ]
