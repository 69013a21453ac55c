"""An alarm: what is wrong with a search, in one line."""

from dataclasses import dataclass
from typing import Literal

Trouble = Literal["nothing to choose", "flat search", "oscillation", "overfitted predictor"]
"""Datasets that make no difference; no better value while errors stay high; leads that come and go; sure and wrong."""


@dataclass(frozen=True)
class Alarm:
    """One trouble of a search; `message` has the figures that show it and what to do, as a clause.

    >>> print(Alarm("oscillation", "the lead came back 3 times; repeat the leaders"))
    Oscillation: the lead came back 3 times; repeat the leaders.
    """

    trouble: Trouble
    message: str

    def __str__(self) -> str:
        """Gives the line to show."""
        return f"{self.trouble.capitalize()}: {self.message}."
