"""Inverse losses through a softmax (UW-SO)."""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, softmax, told


@dataclass(frozen=True)
class UncertaintySoftmax:
    """Weights softmax((1 / loss) / temperature), losses of the batch taken as constants.

    Source: Kirchdorfer et al. (2024), "Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning", equation 4.
    The paper tunes the temperature; `floor` bounds the loss from below.
    """

    temperature: float = 1.0
    floor: float = 1e-3
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("uncertainty_softmax", positive={"temperature": self.temperature, "floor": self.floor})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights."""
        losses = told(signals.losses).clip(min=self.floor)
        return Answer(weights=softmax(1 / losses / self.temperature)), state
