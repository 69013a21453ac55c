"""Dynamic weight average: tasks whose loss falls slowly count more."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, softmax, told


@dataclass(frozen=True)
class DynamicWeightAverage:
    """Weights softmax(rate / temperature), where rate is the ratio of a task's mean losses in the last two windows.

    Source: Liu, Johns and Davison (2019), "End-to-End Multi-Task Learning with Attention", equation 7, without the
    factor of the number of tasks. Its epochs are windows of `window` steps here; weights are equal in the first two.
    """

    temperature: float = 2.0
    window: int = 5
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options("dwa", positive={"temperature": self.temperature, "window": self.window})

    def start(self, tasks: Tasks) -> State:
        """Gives an empty window and no means."""
        return {"sum": np.zeros(len(tasks.names)), "count": np.zeros(1), "means": np.zeros((0, len(tasks.names)))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights by the windows that ended before this step."""
        if signals.previous is not None:
            state = self._seen(signals, state)
        means = state["means"]
        weights = softmax(means[1] / means[0] / self.temperature) if len(means) == 2 else signals.tasks.equal
        return Answer(weights=weights), state

    def _seen(self, signals: Signals, state: State) -> State:
        """Gives the state with the losses of the step before in it."""
        total, count = state["sum"] + told(signals.previous), state["count"] + 1
        if count[0] < self.window:
            return {"sum": total, "count": count, "means": state["means"]}
        means = np.vstack([state["means"], np.maximum(total / count, 1e-12)])[-2:]
        return {"sum": np.zeros_like(total), "count": np.zeros(1), "means": means}
