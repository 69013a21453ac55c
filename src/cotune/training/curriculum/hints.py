"""Auxiliary task hints: a simpler dataset beside the target early on, then the target alone.

Awasthi and Gupta, 2023, "Improving Length-Generalization in Transformers via Task Hinting": while a model learns a
task, it learns a simpler, related one at the same time. There the hint stays to the end of training; here it
leaves at `until`, which at 1 is the paper's.
"""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.curriculum.contract import Facts, Need, Phase, Span, along
from cotune.training.curriculum.pacing import Pace


@dataclass(frozen=True)
class Hints:
    """Shows the hints while the others pass through the fraction `until` of their tokens, and then no more.

    Hints are the datasets in `hints`; where it is empty all that are no targets.
    """

    until: float = 0.5
    hints: tuple[str, ...] = ()
    needs: ClassVar[frozenset[Need]] = frozenset({"several", "auxiliaries"})
    pacing: ClassVar[Pace | None] = None

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise ValueError(f"Option 'until' of curriculum 'hints' is in (0, 1]; got {self.until}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The hints."""
        return tuple(self.hints)

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives the phase with hints and the one without."""
        hints = set(self.hints) or set(facts.shares) - facts.targets
        spans = {name: [Span(0, self.until if name in hints else 1)] for name in facts.shares}
        return along(spans, facts.shares)
