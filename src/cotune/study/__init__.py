"""The study: one proposer, many evaluators, and a journal between them."""

from cotune.study.alarms import Alarm, alarms
from cotune.study.events import Event, Finished, Proposed, Round, Rule, Stopped
from cotune.study.folds import FoldScores, cross_validate
from cotune.study.interrupt import Interruption, interruptible
from cotune.study.outcomes import EvaluateError
from cotune.study.plan import Plan
from cotune.study.reuse import Reuse, reuse
from cotune.study.study import Study

__all__ = [
    "Alarm",
    "EvaluateError",
    "Event",
    "Finished",
    "FoldScores",
    "Interruption",
    "Plan",
    "Proposed",
    "Reuse",
    "Round",
    "Rule",
    "Stopped",
    "Study",
    "alarms",
    "cross_validate",
    "interruptible",
    "reuse",
]
