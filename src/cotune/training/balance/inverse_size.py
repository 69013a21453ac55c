"""Weights by the inverse of a dataset's size."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options


@dataclass(frozen=True)
class InverseSize:
    """Weights proportional to rows^-power: a dataset with few rows counts more.

    Source: the cross-and-within-task weights of Zeng et al. (2019), "Deep Floor Plan Recognition Using a Multi-Task
    Network with Room-Boundary-Guided Attention", taken from pixels to rows. With power 0 all weigh the same.
    """

    power: float = 1.0
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options("inverse_size", positive={}, at_least_0={"power": self.power})

    def start(self, tasks: Tasks) -> State:
        """Gives the weights, which stay."""
        raw = np.array([float(max(rows, 1)) ** -self.power for rows in tasks.rows])
        return {"weights": raw / raw.sum()}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:  # noqa: ARG002 (nothing is looked at)
        """Gives the weights."""
        return Answer(weights=state["weights"]), state
