"""Joint and solo phases in turn.

After Huang, Ye, Shen and Liu, 2022, "Curriculum-based Asymmetric Multi-task Reinforcement Learning", which switches
between training on each task alone and on all by an indicator of progress. Our reading, since a plan knows no progress:
turns of fixed length, and solo phases for the targets, which are what counts.
"""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.curriculum.contract import Facts, Need, Phase, Span, along
from cotune.training.curriculum.pacing import Pace


@dataclass(frozen=True)
class Alternate:
    """Shows, `rounds` times, all datasets together and then each target alone.

    A fraction `solo` of a target's tokens falls into its solo phases; all others come in joint ones.
    """

    rounds: int = 2
    solo: float = 0.5
    needs: ClassVar[frozenset[Need]] = frozenset({"several"})
    pacing: ClassVar[Pace | None] = None
    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"Option 'rounds' of curriculum 'alternate' is >= 1; got {self.rounds}.")
        if not 0 < self.solo < 1:
            raise ValueError(f"Option 'solo' of curriculum 'alternate' is in (0, 1); got {self.solo}.")

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives the joint and the solo phases of each round; one phase without a target, or with nothing beside it."""
        targets = sorted(facts.targets & set(facts.shares))
        if not targets or len(facts.shares) == 1:
            return (Phase(1.0, facts.shares),)
        joint = [turn * (1 + len(targets)) for turn in range(self.rounds)]
        spans = {}
        for name in facts.shares:
            solo = self.solo / self.rounds if name in targets else 0.0
            spans[name] = [Span(place, place + 1, 1 / self.rounds - solo) for place in joint]
            if name in targets:
                own = 1 + targets.index(name)
                spans[name] += [Span(place + own, place + own + 1, solo) for place in joint]
        return along(spans, facts.shares)
