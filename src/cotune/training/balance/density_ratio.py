"""Rows of other datasets count as far as they look like rows of the targets."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class DensityRatio:
    """Weights of rows that no target owns: how many times as often they would occur among the targets' rows.

    The ratio is from a classifier of the rows' texts (see `density`), measured once before training, held within
    [1 / cap, cap] and raised to `power`; a target's own rows have 1. Source: Si (2023), "Tackling Interference Induced
    by Data Training Loops in A/B Tests: A Weighted Training Approach": weights from predicted membership. That
    membership is in the targets, and the weight the ratio of densities, is our reading for datasets.
    """

    cap: float = 10.0
    power: float = 1.0
    needs: ClassVar[frozenset[Need]] = frozenset({"densities", "auxiliaries"})

    def __post_init__(self) -> None:
        check_options("density_ratio", positive={"cap": self.cap}, at_least_0={"power": self.power})
        if self.cap < 1:
            raise ValueError(f"Option 'cap' of balancer 'density_ratio' is >= 1; got {self.cap}.")

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of the rows."""
        densities = told(signals.densities)
        factors = np.where(np.isnan(densities), 1.0, densities).clip(1 / self.cap, self.cap) ** self.power
        return Answer(examples=signals.tokens / signals.tokens.sum() * factors), state
