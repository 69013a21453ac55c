"""What a study asks for around its search: the base model, the anchors, and the confirmation of the winner."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count, islice
from math import ceil

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.study.plan import Plan
from cotune.trial import Proposal, Record, Request

ATTEMPTS = 2
"""A request is tried so often: once, and once more after a failure."""

FIRST_FRESH_SEED = 101
"""Seeds of the confirmation begin here, far from those of search and repeats."""


def opening(problem: Problem, records: Sequence[Record], plan: Plan) -> list[Proposal]:
    """Gives the requests that come before any search: the base model once, then each anchor with each of its seeds.

    Anchors that coincide are run as one; what was asked for before is left out. Where scores of the base model are to
    be kept, it comes alone, since nothing is worth training without them.
    """
    base = [Proposal(Request(BASE), "base")] if plan.base else []
    labels = {mixture: f"anchor: {label}" for mixture, label in reversed(anchors(problem))}
    runs = [
        Proposal(Request(mixture, seed), labels[mixture])
        for seed in plan.anchor_seeds
        for mixture in dict.fromkeys(mixture for mixture, _ in anchors(problem))
    ]
    asked = {record.request for record in records}
    new = [proposal for proposal in [*base, *runs] if proposal.request not in asked]
    if problem.keep and new[:1] == base:
        return base
    return within(new, plan.trials - spent(records))


def anchors(problem: Problem) -> list[tuple[Mixture, str]]:
    """Gives the mixtures that every winner is compared with, with their labels."""
    return [(problem.target_only, "target only"), (problem.everything, "all datasets")]


def confirmations(
    problem: Problem, records: Sequence[Record], winner: Mixture, *, seeds: int, left: int
) -> list[Proposal]:
    """Gives what is missing until the winner and the anchors have `seeds` confirming trials, with equal seeds.

    What was confirmed before keeps its trials, so that a new winner after more search costs its own alone. Where the
    `left` fine-tunings do not pay for all, each gets as many as they pay for.
    """
    labels = {mixture: f"confirm: {label}" for mixture, label in [*reversed(anchors(problem)), (winner, "winner")]}
    asked = {record.request for record in records}
    chosen = _confirming_seeds(problem, records, winner, seeds)
    for many in range(seeds, 0, -1):
        wanted = [Request(mixture, seed) for seed in chosen[:many] for mixture in _finalists(problem, winner)]
        missing = [request for request in wanted if request not in asked]
        if len(missing) <= left:
            return [Proposal(request, labels[request.mixture]) for request in missing]
    return []


def kept_back(problem: Problem, records: Iterable[Record], plan: Plan) -> int:
    """Gives how many fine-tunings the confirmation may still need: a new winner's, and what the anchors lack."""
    rivals = {mixture for mixture, _ in anchors(problem)}
    seeds = plan.reserve(problem) // (1 + len(rivals))
    confirmed = Counter(record.request.mixture for record in records if _confirms(record))
    return seeds + sum(max(0, seeds - confirmed[mixture]) for mixture in rivals)


def _confirming_seeds(problem: Problem, records: Iterable[Record], winner: Mixture, seeds: int) -> list[int]:
    """Gives the seeds that anchors were confirmed with, then fresh ones; none that the search used on a finalist."""
    finalists = _finalists(problem, winner)
    own = [record for record in records if record.request.mixture in finalists]
    searched = {record.request.seed for record in own if not _confirms(record)}
    rivals = {mixture for mixture, _ in anchors(problem)}
    earlier = {record.request.seed for record in own if _confirms(record) and record.request.mixture in rivals}
    fresh = (seed for seed in count(FIRST_FRESH_SEED) if seed not in searched | earlier)
    return [*sorted(earlier - searched), *islice(fresh, seeds)][:seeds]


def _finalists(problem: Problem, winner: Mixture) -> list[Mixture]:
    return list(dict.fromkeys([winner, *(mixture for mixture, _ in anchors(problem))]))


def _confirms(record: Record) -> bool:
    return record.proposal.reason.startswith("confirm")


def within(proposals: Iterable[Proposal], left: int) -> list[Proposal]:
    """Gives the first proposals that `left` fine-tunings pay for; scoring the base model is free."""
    kept: list[Proposal] = []
    for proposal in proposals:
        cost = 1 if len(proposal.request.mixture) else 0
        if cost <= left:
            kept.append(proposal)
            left -= cost
    return kept


def spent(records: Iterable[Record]) -> int:
    """Gives the fine-tunings used, begun ones whole: every ended attempt, failed ones too; a stopped one its share.

    One that was stopped and went on counts once. Scoring the base model trains nothing.
    """
    return ceil(sum(_share(record) for record in records if len(record.request.mixture)))


def _share(record: Record) -> float:
    trial = record.trial
    if trial is None or not trial.is_finished:
        return record.attempts
    return record.attempts - 1 + trial.reached - went_on(record)


def went_on(record: Record) -> bool:
    """Tells whether it was stopped by a limit of its request, and went on to its end later."""
    stop, trial = record.request.stop, record.trial
    if stop is None or trial is None or trial.reached < 1:
        return False
    return any(stop.is_hopeless(point.fraction, point.losses) for point in trial.curve)


def unfinished(problem: Problem, records: Iterable[Record]) -> list[Record]:
    """Gives the records to run next: pending, or failed and not yet retried; those on data sets that are gone wait."""
    return [
        record for record in records if _is_open(record) and set(record.request.mixture.names) <= set(problem.names)
    ]


def _is_open(record: Record) -> bool:
    failed = record.trial is not None and not record.trial.is_finished
    return record.trial is None or (failed and record.attempts < ATTEMPTS)


def in_pool(problem: Problem, records: Iterable[Record]) -> list[Record]:
    """Gives the records whose mixtures the problem can express: a data set may have been removed from the pool."""
    return [record for record in records if set(record.request.mixture.names) <= set(problem.names)]
