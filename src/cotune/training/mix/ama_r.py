"""AMA-R: datasets that are furthest behind their specialists weigh more in the loss."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range, raised


@dataclass(frozen=True)
class AmaR:
    """Weights w_i <- w_i exp(rate E_i), scaled to sum 1; E_i = mean of max(loss - loss of task i's specialist, 0).

    Source: Corrado et al. (2025), "AutoMixAlign: Adaptive Data Mixing for Multi-Task Preference Optimization in LLMs",
    reweighting, after Sagawa et al. (2020), group DRO. Rows are drawn by equal shares, whatever the size policy. Our
    reading, where the summaries at hand leave it open: weights of a step come from the excess of the batch before, the
    gradient is that of the weighted loss where the paper clips, and rate = `eta` sqrt(log k / steps) for k tasks, which
    gives the bound c / sqrt(steps). A task without an example in the batch before keeps its weight before scaling.
    """

    eta: float = 1.0
    needs: ClassVar[frozenset[Need]] = frozenset({"reference"})

    def __post_init__(self) -> None:
        check_range("ama_r", {"eta": self.eta}, low=0)

    def start(self, tasks: Tasks, shares: Array) -> State:  # noqa: ARG002
        """Gives equal weights."""
        return {"weights": tasks.equal}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives equal shares, and the weights after a step by the excess of the batch before."""
        weights, equal = state["weights"], signals.tasks.equal
        if signals.seen is not None:
            rate = self.eta * np.sqrt(np.log(len(equal)) / signals.steps)
            gains = np.zeros(len(equal))
            for task in np.unique(signals.seen.owner):
                gains[task] = rate * signals.seen.excess(task)
            weights = raised(weights, gains)
        return Answer(equal, weights=weights), {"weights": weights}
