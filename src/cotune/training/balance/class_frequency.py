"""Rows of rare classes count more inside their dataset."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class ClassFrequency:
    """Weights of rows proportional to (share of the class x number of classes)^-power, inside each dataset with labels.

    With power 1 every class of a dataset has the same weight in all, with 0 every row. Rows of datasets without labels
    weigh the same. Between datasets nothing changes under these two but by chance: a batch with rare classes weighs
    more. A power between them takes weight from a dataset with uneven classes, one above 1 gives it. Source: the
    within-task weights of Zeng et al. (2019), "Deep Floor Plan Recognition Using a Multi-Task Network with
    Room-Boundary-Guided Attention", taken from pixels to rows, as inverse frequency.
    """

    power: float = 1.0
    needs: ClassVar[frozenset[Need]] = frozenset({"classes"})

    def __post_init__(self) -> None:
        check_options("class_frequency", positive={}, at_least_0={"power": self.power})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of the rows."""
        shares = told(signals.class_shares)
        factors = np.where(np.isnan(shares), 1.0, shares) ** -self.power
        return Answer(examples=signals.tokens / signals.tokens.sum() * factors), state
