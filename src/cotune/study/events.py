"""What a running study tells whoever watches it, for progress bars and the log."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from cotune.study.alarms.alarm import Alarm
from cotune.trial import Record
from cotune.trial_json import JsonObject

Rule = Literal["trials", "hours", "patience", "improvement", "exhausted", "failures", "interrupted"]
"""The rules that end a study: fine-tunings or hours used up, no better value for long, none expected, nothing left to
try, every trial failed, stopped from outside."""


@dataclass(frozen=True)
class Proposed:
    """Requests were written to the journal, before they run."""

    records: tuple[Record, ...]


@dataclass(frozen=True)
class Finished:
    """An attempt at a request ended, well or not; `fine_tunings` of `trials` are used."""

    record: Record
    fine_tunings: int
    trials: int


@dataclass(frozen=True)
class Round:
    """Where the study stands after a round of requests, each figure None where it is not known.

    `requests` had been made in all, for `reasons` in this round, proposed when `fitted_on` trials had ended. `best` is
    the best measured value so far and `best_mixture` what gave it; `predicted_best` is the highest mean that was
    predicted for this round's requests, `predictor_error` their mean absolute error. Costs are totals of the study.
    """

    number: int
    requests: int
    reasons: tuple[str, ...]
    fitted_on: int
    best: float | None
    best_mixture: str | None
    predicted_best: float | None
    predictor_error: float | None
    fine_tunings: int
    failures: int
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Stopped:
    """The study ended: the rule that fired, and what it saw in words."""

    rule: Rule
    message: str

    def to_json(self) -> JsonObject:
        """Gives the payload of a log entry."""
        return {"rule": self.rule, "message": self.message}


Event: TypeAlias = Proposed | Finished | Round | Alarm | Stopped
