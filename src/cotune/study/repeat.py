"""Repeats: given requests run in a journal of their own, without a search."""

from collections.abc import Callable, Sequence

from cotune.journal import Journal
from cotune.problem import Problem
from cotune.study.events import Event, Finished, Proposed, Stopped
from cotune.study.outcomes import outcomes
from cotune.study.phases import ATTEMPTS, spent
from cotune.trial import Evaluate, Proposal, Record


def repeat(
    journal: Journal,
    problem: Problem,
    evaluate: Evaluate,
    proposals: Sequence[Proposal],
    *,
    batch: int,
    is_stopped: Callable[[], bool],
    tell: Callable[[Event], None],
) -> Stopped:
    """Runs what the journal lacks of `proposals`, and what failed once more; gives why it ended."""
    known = {record.request for record in journal.records(examples=False)}
    new = [proposal for proposal in proposals if proposal.request not in known]
    if new:
        tell(Proposed(tuple(journal.propose(new))))
    while waiting := _waiting(journal, proposals):
        if is_stopped():
            return Stopped("interrupted", "stopped from outside; run again to go on")
        numbers = {record.request: record.number for record in waiting[:batch]}
        for trial in outcomes(problem, evaluate, list(numbers), is_stopped=is_stopped):
            ended = journal.finish(numbers[trial.request], trial)
            tell(Finished(ended, spent(_asked(journal, proposals)), len(proposals)))
    return Stopped("exhausted", "all that was asked for has run")


def _asked(journal: Journal, proposals: Sequence[Proposal]) -> list[Record]:
    wanted = {proposal.request for proposal in proposals}
    return [record for record in journal.records(examples=False) if record.request in wanted]


def _waiting(journal: Journal, proposals: Sequence[Proposal]) -> list[Record]:
    return [record for record in _asked(journal, proposals) if not _is_over(record)]


def _is_over(record: Record) -> bool:
    return record.trial is not None and (record.trial.is_finished or record.attempts >= ATTEMPTS)
