"""High-resource datasets first, then the mix.

Choi, Xin, Dadkhahi, Gilmer, Garg, Firat, Yeh, Dai and Ghorbani, 2023, "Order Matters in the Presence of Dataset
Imbalance for Multilingual Learning" (NeurIPS): pre-train on the high-resource tasks, then fine-tune on a mixture of
high- and low-resource ones. There the second stage is a training of its own with a mixture of its own; here one
training goes on, and each dataset keeps its share over the whole, so that a trial differs from one without curriculum
by the order alone.
"""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.curriculum.contract import Facts, Need, Phase, Span, along
from cotune.training.curriculum.pacing import Pace


@dataclass(frozen=True)
class TwoStage:
    """Shows a fraction `switch` of the high-resource datasets' tokens before anything else.

    High-resource are those in `high`; where it is empty those with more train tokens than the mean of the mixture. If
    there are none, or no others, there is one stage.
    """

    switch: float = 0.5
    high: tuple[str, ...] = ()
    needs: ClassVar[frozenset[Need]] = frozenset({"several"})
    pacing: ClassVar[Pace | None] = None

    def __post_init__(self) -> None:
        if not 0 < self.switch < 1:
            raise ValueError(f"Option 'switch' of curriculum 'two_stage' is in (0, 1); got {self.switch}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The high-resource datasets."""
        return tuple(self.high)

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives the stage of the high-resource datasets and the one of all."""
        mean = sum(facts.tokens.values()) / len(facts.tokens)
        high = set(self.high) or {name for name, tokens in facts.tokens.items() if tokens > mean}
        if not high & set(facts.shares):
            high = set(facts.shares)
        spans = {name: [Span(0, 1) if name in high else Span(self.switch, 1)] for name in facts.shares}
        return along(spans, facts.shares)
