"""Alarms: what a study's records tell of a search that goes wrong."""

from collections.abc import Sequence

from cotune.problem import Problem
from cotune.study.alarms.alarm import Alarm, Trouble
from cotune.study.alarms.flat import flat
from cotune.study.alarms.measurement import measurements
from cotune.study.alarms.oscillation import oscillation
from cotune.study.alarms.overfitted import overfitted
from cotune.study.phases import in_pool
from cotune.trial import Record

__all__ = ["Alarm", "Trouble", "alarms", "measurements", "overfitted"]


def alarms(problem: Problem, records: Sequence[Record]) -> tuple[Alarm, ...]:
    """Gives the alarms that stand after `records`; 0.3 s for 200 of them."""
    known = in_pool(problem, records)
    found = measurements(problem, known)
    raised = (flat(problem, known, found), oscillation(problem, known, found), overfitted(found))
    return tuple(alarm for alarm in raised if alarm is not None)
