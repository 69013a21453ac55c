"""PCGrad: what contradicts another task's gradient is projected out."""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, spread
from cotune.training.balance.gramian import need, torchjd_weights


@dataclass(frozen=True)
class PCGrad:
    """Each gradient loses its projection on those that it conflicts with, in random order; the mean of what is left.

    Source: Yu et al. (2020), "Gradient Surgery for Multi-Task Learning", algorithm 1, by torchjd; the mean in place of
    the sum.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def __post_init__(self) -> None:
        need("pcgrad", "torchjd")

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights under which the gradients make the merged one."""
        weights = torchjd_weights("PCGradWeighting", signals)
        return Answer(weights=spread(weights / len(weights), signals.present)), state
