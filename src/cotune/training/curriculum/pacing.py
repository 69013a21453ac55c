"""Pacing: how much of what there is, from the easiest on, is open at a moment of a training.

Platanios, Stretcu, Neubig, Poczos and Mitchell, 2019, "Competence-based Curriculum Learning for Neural Machine
Translation": competence c(t) = min(1, t (1 - c0) / T + c0), linear, and min(1, sqrt(t (1 - c0^2) / T + c0^2)), root.
`step` is the single-step pacing of Hacohen and Weinshall, 2019, "On The Power of Curriculum Learning in Training Deep
Networks": c0 until T, then all.
"""

from dataclasses import dataclass
from math import sqrt

PACES = ("linear", "root", "step")


@dataclass(frozen=True)
class Pace:
    """A pacing function of kind "linear", "root" or "step": from the fraction `start` open at 0 to all at `full`.

    >>> Pace("linear", start=0.5, full=0.5).open_at(0.25)
    0.75
    """

    kind: str
    start: float
    full: float

    def open_at(self, progress: float) -> float:
        """Gives the fraction that is open, from the easiest on, at `progress` in [0, 1]."""
        done = progress / self.full
        if done >= 1:
            return 1.0
        if self.kind == "step":
            return self.start
        if self.kind == "linear":
            return self.start + (1 - self.start) * done
        return sqrt(self.start**2 + (1 - self.start**2) * done)

    def opens(self, level: float) -> float:
        """Gives the progress from which on more than the fraction `level` in [0, 1) is open."""
        if level < self.start:
            return 0.0
        if self.kind == "step":
            return self.full
        if self.kind == "linear":
            return self.full * (level - self.start) / (1 - self.start)
        return self.full * (level**2 - self.start**2) / (1 - self.start**2)
