"""What a study asks for around its search: the base model, the anchors, and the confirmation of the winner."""

from collections.abc import Iterable, Sequence
from itertools import count, islice

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

    Anchors that coincide are run as one; what was asked for before is left out.
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
    return within(new, plan.trials - spent(records))


def anchors(problem: Problem) -> list[tuple[Mixture, str]]:
    """Gives the mixtures that every winner is compared with, with their labels."""
    return [(problem.target_only, "target only"), (problem.everything, "all datasets")]


def confirmations(
    problem: Problem, records: Iterable[Record], winner: Mixture, *, seeds: int, left: int
) -> list[Proposal]:
    """Gives requests with fresh seeds, seed by seed over the winner and the anchors, so that they can be paired.

    Each has `seeds` of them or, where the `left` fine-tunings do not pay for that, as many as they pay for, all
    equally many.
    """
    labels = {mixture: f"confirm: {label}" for mixture, label in [*reversed(anchors(problem)), (winner, "winner")]}
    finalists = list(dict.fromkeys([winner, *(mixture for mixture, _ in anchors(problem))]))
    used = {record.request.seed for record in records if record.request.mixture in finalists}
    fresh = (seed for seed in count(FIRST_FRESH_SEED) if seed not in used)
    chosen = islice(fresh, min(seeds, left // len(finalists)))
    return [Proposal(Request(mixture, seed), labels[mixture]) for seed in chosen for mixture in finalists]


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
    """Gives the fine-tunings used: every ended attempt, failed ones too; scoring the base model trains nothing."""
    return sum(record.attempts for record in records if len(record.request.mixture))


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
