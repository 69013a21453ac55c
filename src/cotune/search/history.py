"""What the trials so far tell a sampler."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Proposal, Request, Trial


def usable(problem: Problem, finished: Iterable[Trial]) -> list[Trial]:
    """Gives the trials to learn from: ended well, on tasks of the pool, every target scored, full budget."""
    return [trial for trial in finished if _is_usable(problem, trial)]


def _is_usable(problem: Problem, trial: Trial) -> bool:
    mixture = trial.request.mixture
    if not trial.is_finished or not len(mixture) or trial.request.fidelity < 1:
        return False
    scored = all(name in trial.results and trial.results[name].score is not None for name in problem.targets)
    return scored and set(mixture.names) <= set(problem.names)


def mean_values(problem: Problem, finished: Iterable[Trial]) -> dict[Mixture, float]:
    """Gives the objective of every measured mixture, averaged over its seeds."""
    values: dict[Mixture, list[float]] = defaultdict(list)
    for trial in usable(problem, finished):
        values[trial.request.mixture].append(problem.value(trial))
    return {mixture: sum(found) / len(found) for mixture, found in values.items()}


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
