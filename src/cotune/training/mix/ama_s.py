"""AMA-S: each batch is of one dataset, drawn more often the further it is behind its specialist."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range, one_of, raised


@dataclass(frozen=True)
class AmaS:
    """Draws task i by p = (1 - g) w + g / k; then w_i <- w_i exp(rate E_i / p_i), scaled to sum 1, for that task alone.

    E_i is the mean of max(loss - loss of task i's specialist, 0) over the batch. Source: Corrado et al. (2025),
    "AutoMixAlign: Adaptive Data Mixing for Multi-Task Preference Optimization in LLMs", resampling, with EXP3 of Auer
    et al. (2002). Our reading, where the summaries at hand leave the scale open: rate = `eta` sqrt(log k / (k steps)),
    EXP3's own, which gives the bound c / sqrt(steps); g = `explore`.
    """

    eta: float = 1.0
    explore: float = 0.1
    needs: ClassVar[frozenset[Need]] = frozenset({"reference"})

    def __post_init__(self) -> None:
        check_range("ama_s", {"eta": self.eta}, low=0)
        check_range("ama_s", {"explore": self.explore}, low=0, high=1)

    def start(self, tasks: Tasks, shares: Array) -> State:  # noqa: ARG002
        """Gives equal weights."""
        return {"weights": tasks.equal}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Draws the task of a batch, after an update by the excess of the batch before."""
        weights, count = state["weights"], len(signals.tasks.names)
        if signals.seen is not None:
            rate = self.eta * np.sqrt(np.log(count) / (count * signals.steps))
            before, gains = self._mixed(weights), np.zeros(count)
            for task in np.unique(signals.seen.owner):
                gains[task] = rate * signals.seen.excess(task) / before[task]
            weights = raised(weights, gains)
        expected = self._mixed(weights)
        return Answer(one_of(expected, signals.rng), expected=expected), {"weights": weights}

    def _mixed(self, weights: Array) -> Array:
        mixed: Array = (1 - self.explore) * weights + self.explore / len(weights)
        return mixed
