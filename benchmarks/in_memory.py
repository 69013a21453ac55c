"""A study without a folder: the same steps as `Study.run`, for thousands of simulated ones."""

from collections.abc import Sequence
from dataclasses import replace

from cotune.study.events import Stopped
from cotune.study.hopeless import to_run
from cotune.study.steps import Course, Past, SearchEnd, next_step, open_requests
from cotune.trial import Evaluate, ExampleResults, Proposal, Record


def conclude(course: Course, evaluate: Evaluate) -> list[Record]:
    """Gives the records of a study that ran to its end, every request answered at the first attempt.

    As in `Study.run`, only the choice of what to confirm sees per-example results.
    """
    records: list[Record] = []
    ends: list[SearchEnd] = []
    past = Past(lambda: records.copy(), ends.append)
    while True:
        bare = [_bare(record) for record in records]
        revived = open_requests(course, bare)
        if revived and not isinstance(revived, Stopped):
            records = _gone_on(records, revived, evaluate)
            continue
        step = next_step(course, bare, ends[-1] if ends else None, past)
        if isinstance(step, Stopped):
            return records
        records += _answered(step, evaluate, len(records))


def _answered(step: Sequence[Proposal], evaluate: Evaluate, first: int) -> list[Record]:
    trials = {trial.request: trial for trial in evaluate([proposal.request for proposal in step])}
    return [
        Record(number, proposal, trials[proposal.request], attempts=1) for number, proposal in enumerate(step, first)
    ]


def _gone_on(records: Sequence[Record], revived: Sequence[Record], evaluate: Evaluate) -> list[Record]:
    """Gives the records with the ends of those that had been stopped."""
    ended = {trial.request: trial for trial in evaluate([to_run(record) for record in revived])}
    return [
        replace(record, trial=ended[record.request], attempts=record.attempts + 1)
        if record.request in ended
        else record
        for record in records
    ]


def _bare(record: Record) -> Record:
    assert record.trial is not None  # all are answered
    results = {name: replace(result, examples=ExampleResults()) for name, result in record.trial.results.items()}
    return replace(record, trial=replace(record.trial, results=results))
