"""Group distributionally robust optimisation: the worst tasks count more and more."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class GroupDro:
    """Weights q, multiplied at each step by exp(rate * loss) and scaled to sum 1, then used for that step.

    Source: Sagawa et al. (2020), "Distributionally Robust Neural Networks for Group Shifts", algorithm 1, with the
    weights of the tasks in a batch updated together.
    """

    rate: float = 0.05
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("group_dro", positive={"rate": self.rate})

    def start(self, tasks: Tasks) -> State:
        """Gives equal weights."""
        return {"weights": tasks.equal}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights after they have seen the batch."""
        seen = np.where(signals.present, told(signals.losses), 0.0)
        raised = state["weights"] * np.exp(self.rate * (seen - seen.max()))
        weights = raised / raised.sum()
        return Answer(weights=weights), {"weights": weights}
