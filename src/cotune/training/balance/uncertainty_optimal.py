"""The uncertainty weights at their optimum for the losses of the batch (UW-O)."""

from dataclasses import dataclass
from typing import ClassVar

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class UncertaintyOptimal:
    """Weights 1 / loss: the gradient of the losses' geometric mean, up to scale.

    Source: Kirchdorfer et al. (2024), "Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning", equation 3.
    Divided by the number of tasks; `floor` bounds the loss from below.
    """

    floor: float = 1e-3
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("uncertainty_optimal", positive={"floor": self.floor})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights."""
        losses = told(signals.losses).clip(min=self.floor)
        return Answer(weights=1 / losses / len(losses)), state
