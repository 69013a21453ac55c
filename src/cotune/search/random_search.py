"""Random search: the null that every other sampler must beat."""

from collections.abc import Sequence

import numpy as np

from cotune.problem import Problem
from cotune.search.candidates import enumerate_parts, is_enumerable, is_new, sample_parts, to_mixture
from cotune.search.history import tried
from cotune.trial import Proposal, Request, Trial


def random(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,
    count: int,
) -> list[Proposal]:
    """Proposes mixtures drawn uniformly from those not tried."""
    if is_enumerable(problem):
        parts = rng.permutation(enumerate_parts(problem))  # [mixture, task]
    else:
        parts = sample_parts(problem, rng, 2 * (count + len(finished) + len(pending)))  # [mixture, task]
    fresh = parts[is_new(problem, parts, tried(finished, pending))]
    return [Proposal(Request(to_mixture(problem, row)), "random") for row in fresh[:count]]
