"""The contract of a merger: what it is told of several adapters, and the one that it answers with."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from cotune.training.lora_factors import Factors

Differences: TypeAlias = Mapping[str, Factors]
"""What an adapter changes, by module."""


class Merger(Protocol):
    """Makes one adapter of several; a frozen dataclass of its options."""

    def merge(
        self, start: Differences, tuned: Mapping[str, Differences], weights: Mapping[str, float]
    ) -> dict[str, Factors]:
        """Gives what is merged, of any rank.

        `tuned` is what training on each dataset made of `start`; `weights` are positive, by dataset. All have the same
        modules.
        """
        ...
