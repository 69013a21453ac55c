"""The two anchors that every search is measured against, as samplers."""

from collections.abc import Sequence

import numpy as np

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.history import first_untried
from cotune.trial import Proposal, Request, Trial


def anchors(problem: Problem) -> list[tuple[Mixture, str]]:
    """Gives both anchors with their reasons: what must be in and nothing else, and everything."""
    return [(problem.target_only, "anchor: target only"), (problem.everything, "anchor: all datasets")]


def target_only(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,  # noqa: ARG001 - the sampler protocol
    count: int,
) -> list[Proposal]:
    """Proposes what must be in and nothing else, once."""
    return first_untried(anchors(problem)[:1], finished, pending, count)


def all_datasets(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,  # noqa: ARG001 - the sampler protocol
    count: int,
) -> list[Proposal]:
    """Proposes all datasets in equal parts, once."""
    return first_untried(anchors(problem)[1:], finished, pending, count)
