"""Where a study stands after each round: what its log and its convergence plot show."""

from collections.abc import Sequence
from typing import cast

from cotune.journal import LogEntry
from cotune.problem import Problem
from cotune.study.events import Round
from cotune.study.phases import spent
from cotune.study.stops import measured
from cotune.trial import Record


def round_of(problem: Problem, records: Sequence[Record], logged: Sequence[LogEntry]) -> Round | None:
    """Gives the round that has just ended, None if nothing ended since the last one that was logged."""
    covered = cast(int, logged[-1].payload["requests"]) if logged else 0
    mine = [record for record in records[covered:] if record.trial is not None]
    if not mine:
        return None
    ended = [record for record in records if record.trial is not None]
    best = _best(problem, ended)
    predicted = [record.proposal.mean for record in mine if record.proposal.mean is not None]
    return Round(
        number=len(logged) + 1,
        requests=len(records),
        reasons=tuple(dict.fromkeys(record.proposal.reason for record in mine)),
        fitted_on=sum(record.trial is not None for record in records[:covered]),
        best=None if best is None else measured(problem, best),
        best_mixture=None if best is None else str(best.request.mixture),
        predicted_best=max(predicted, default=None),
        predictor_error=_error(problem, mine),
        fine_tunings=spent(records),
        failures=sum(record.trial is not None and not record.trial.is_finished for record in records),
        tokens=sum(record.trial.tokens for record in ended if record.trial is not None),
        seconds=sum(record.trial.seconds for record in ended if record.trial is not None),
    )


def _best(problem: Problem, records: Sequence[Record]) -> Record | None:
    values = [(measured(problem, record), record) for record in records if _counts(problem, record)]
    found = [(value, record) for value, record in values if value is not None]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _counts(problem: Problem, record: Record) -> bool:
    mixture = record.request.mixture
    return bool(len(mixture)) and record.request.fidelity == 1 and set(mixture.names) <= set(problem.names)


def _error(problem: Problem, records: Sequence[Record]) -> float | None:
    """Mean absolute error of the predicted means that could be checked."""
    pairs = [(record.proposal.mean, measured(problem, record)) for record in records]
    errors = [abs(mean - value) for mean, value in pairs if mean is not None and value is not None]
    return sum(errors) / len(errors) if errors else None
