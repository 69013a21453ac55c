"""Leave-one-out: what each dataset is worth to the whole pool."""

from collections.abc import Sequence

import numpy as np

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.anchors import anchors
from cotune.search.history import first_untried, mean_values
from cotune.trial import Proposal, Request, Trial


def leave_one_out(
    problem: Problem,
    finished: Sequence[Trial],
    pending: Sequence[Request],
    rng: np.random.Generator,  # noqa: ARG001 - the sampler protocol
    count: int,
) -> list[Proposal]:
    """Proposes all datasets, all but each one, and last those whose absence did not raise the score."""
    whole = problem.everything
    without = {name: Mixture.of(set(whole.names) - {name}) for name in problem.free if len(whole) > 1}
    wanted = anchors(problem)[1:] + [(mixture, f"leave out {name}") for name, mixture in without.items()]
    fresh = first_untried(wanted, finished, pending, count)
    values = mean_values(problem, finished)
    if fresh or whole not in values or any(request.mixture in without.values() for request in pending):
        return fresh
    harmful = {name for name, mixture in without.items() if values.get(mixture, values[whole]) > values[whole]}
    kept = Mixture.of(set(whole.names) - harmful)
    return first_untried([(kept, "leave out all that harm")] if len(kept) else [], finished, pending, count)
