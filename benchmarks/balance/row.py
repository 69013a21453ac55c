"""Rows: what one training gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.balance.work import Case


@dataclass(frozen=True)
class Row:
    """What one training gave, by target: scores on the rows to choose by and to report, losses on the latter.

    `seconds` are those of the processor, which `machine` names, in the training alone; `trained` are the tokens it
    took, `error` is why it has no scores.
    """

    case: Case
    code: str
    choose: Mapping[str, float] = field(default_factory=dict)
    report: Mapping[str, float] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    wall_seconds: float = 0.0
    trained: int = 0
    error: str = ""
    machine: str = ""
