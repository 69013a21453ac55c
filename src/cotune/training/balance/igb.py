"""Improvable gap balancing, first version: tasks far from where they began to count more."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, softmax, told


@dataclass(frozen=True)
class ImprovableGap:
    """Weights softmax(loss / base loss) on the logarithms of the losses.

    Source: Dai, Fei and Lu (2023), "Improvable Gap Balancing for Multi-Task Learning", IGB v1: the sum of weight *
    log(loss) is minimised, so that a loss gets weight / loss; without the factor of the number of tasks. The base is
    the mean loss of the first `warmup` steps (in the released code of the second epoch, weights still equal), in which
    the logarithms weigh the same. Version 2 is `igb2`.
    """

    warmup: int = 5
    floor: float = 1e-3
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("igb", positive={"warmup": self.warmup, "floor": self.floor})

    def start(self, tasks: Tasks) -> State:
        """Gives a base that is still to be measured."""
        return {"sum": np.zeros(len(tasks.names)), "count": np.zeros(1)}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights."""
        losses = told(signals.losses).clip(min=self.floor)
        if state["count"][0] < self.warmup:
            state = {"sum": state["sum"] + losses, "count": state["count"] + 1}
            return Answer(weights=signals.tasks.equal / losses), state
        base = state["sum"] / state["count"]
        return Answer(weights=softmax(losses / base) / losses), state
