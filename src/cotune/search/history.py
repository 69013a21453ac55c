"""What the trials so far tell a sampler."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Proposal, Request, Trial
from cotune.verdict.noise import by_mixture, scored


def usable(problem: Problem, finished: Iterable[Trial]) -> list[Trial]:
    """Gives the trials to learn from: full budget, tasks of the pool, every target scored, not the base model."""
    return [trial for trial in scored(problem, finished) if len(trial.request.mixture)]


def mean_values(problem: Problem, finished: Iterable[Trial]) -> dict[Mixture, float]:
    """Gives the objective of every measured mixture, averaged over its seeds."""
    groups = by_mixture(usable(problem, finished))
    return {mixture: fmean(map(problem.value, trials)) for mixture, trials in groups.items()}


def tried(finished: Iterable[Trial], pending: Iterable[Request]) -> set[Mixture]:
    """Gives the mixtures that ended, well or not, or are pending."""
    return {trial.request.mixture for trial in finished} | {request.mixture for request in pending}


def first_untried(
    wanted: Iterable[tuple[Mixture, str]], finished: Sequence[Trial], pending: Sequence[Request], count: int
) -> list[Proposal]:
    """Gives proposals for the first `count` of (mixture, reason) that were not tried."""
    known = tried(finished, pending)
    proposals: list[Proposal] = []
    for mixture, reason in wanted:
        if len(proposals) < count and mixture not in known:
            known.add(mixture)
            proposals.append(Proposal(Request(mixture), reason))
    return proposals
