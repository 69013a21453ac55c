"""Fixed weights that the user gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options


@dataclass(frozen=True)
class Importance:
    """Weights in the given proportions, the same at every step; a dataset that is not named has 1.

    Unlike `train.weights` they are of mean losses: how many answer tokens a dataset has in a batch does not matter.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options("importance", positive=self.weights)

    def start(self, tasks: Tasks) -> State:
        """Gives the weights, which stay."""
        raw = np.array([float(self.weights.get(name, 1.0)) for name in tasks.names])
        return {"weights": raw / raw.sum()}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:  # noqa: ARG002 (nothing is looked at)
        """Gives the weights."""
        return Answer(weights=state["weights"]), state
