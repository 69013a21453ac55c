"""Equal weights of all answer tokens: a stand-in where no balancer is chosen, but conflicts are watched."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks


@dataclass(frozen=True)
class Equal:
    """Weights that say what equal weights come to: each task's share of the batch's answer tokens."""

    needs: ClassVar[frozenset[Need]] = frozenset({"plain"})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares."""
        shares = np.bincount(signals.owner, weights=signals.tokens, minlength=len(signals.tasks.names))
        return Answer(weights=shares / shares.sum()), state
