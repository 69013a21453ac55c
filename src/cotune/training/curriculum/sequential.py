"""Sources, then targets: training on an intermediate task before the task that counts.

Phang, Fevry and Bowman, 2018, "Sentence Encoders on STILTs: Supplementary Training on Intermediate Labeled-data Tasks".
There each step is a training of its own; here one training, of one budget and schedule, goes on. With `joint` some of
the targets' tokens come with the sources: joint training, then fine-tuning on the targets, as in Lu, Goswami,
Rohrbach, Parikh and Lee, 2020, "12-in-1: Multi-Task Vision and Language Representation Learning".
"""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.curriculum.contract import Facts, Need, Phase, Span, along
from cotune.training.curriculum.pacing import Pace


@dataclass(frozen=True)
class Sequential:
    """Shows all sources, then the targets; a fraction `joint` of the targets' tokens comes among the sources."""

    joint: float = 0.0
    needs: ClassVar[frozenset[Need]] = frozenset({"several", "auxiliaries"})
    pacing: ClassVar[Pace | None] = None
    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.joint < 1:
            raise ValueError(f"Option 'joint' of curriculum 'sequential' is in [0, 1); got {self.joint}.")

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives the phase of the sources and the one of the targets."""
        target = [Span(0, 1, self.joint), Span(1, 2, 1 - self.joint)]
        return along({name: target if name in facts.targets else [Span(0, 1)] for name in facts.shares}, facts.shares)
