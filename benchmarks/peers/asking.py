"""What peers share: a random beginning, mixtures as flags, and suggestions turned into proposals."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import numpy as np

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search import random
from cotune.search.history import mean_values, tried
from cotune.trial import Proposal, Request, Trial

TRIES = 10
"""How many suggestions a peer may make for each proposal before a random mixture takes the place."""


def random_start(
    first: int,
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,
    count: int,
) -> list[Proposal] | None:
    """Gives random proposals until `first` mixtures were tried and two have scores, then None: the model's turn."""
    left = first - len(tried(finished, pending))
    if left <= 0 and len(mean_values(problem, finished)) >= 2:
        return None
    return random(problem, finished, pending, rng, min(count, max(left, 1)))


def flags(problem: Problem, mixture: Mixture) -> dict[str, bool]:
    """Gives for each free dataset whether it is in; what must be in is no part of a peer's space."""
    return {name: name in mixture for name in problem.free}


def from_flags(problem: Problem, inside: Mapping[str, bool]) -> Mixture:
    """Gives the combination of what must be in and the free datasets that are flagged."""
    return Mixture.of([*problem.required, *(name for name in problem.free if inside[name])])


def propose(
    suggestions: Iterable[Mixture],
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,
    count: int,
) -> list[Proposal]:
    """Gives the first `count` suggestions that were not tried, and random untried mixtures where they run out.

    A peer that suggests what was run before is asked again, at most `TRIES` times for each proposal. A repeat would
    cost it a fine-tuning and tell it nothing where there is no noise.
    """
    known, proposals = tried(finished, pending), list[Proposal]()
    for mixture in islice(suggestions, TRIES * count):
        if mixture not in known:
            known.add(mixture)
            proposals.append(Proposal(Request(mixture), "suggested"))
        if len(proposals) == count:
            return proposals
    taken = [*pending, *(proposal.request for proposal in proposals)]
    return proposals + random(problem, finished, taken, rng, count - len(proposals))
