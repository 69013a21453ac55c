"""Bandit: each batch is of one dataset, drawn more often the more its steps help all."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range, one_of, raised


@dataclass(frozen=True)
class Bandit:
    """EXP3 over datasets, with the reward sigmoid(sum_i M_ij) of dataset j from the influence matrix M.

    A look updates the datasets drawn since the one before: w_j <- w_j exp(g r_j / (k p_j)), p = (1 - g) w + g / k with
    g = `explore`. Source: Wang et al. (2024), "Efficient Training of Multi-task Neural Solver for Combinatorial
    Optimization", whose M_ij is the mean cosine of the gradients of tasks i and j over a window. Where we differ: the
    cosines are of gradients taken at the look, of i on rows held out and of j on train rows, in place of those of
    training steps, of which task i's may be old.
    """

    explore: float = 0.2
    needs: ClassVar[frozenset[Need]] = frozenset({"influence"})

    def __post_init__(self) -> None:
        check_range("bandit", {"explore": self.explore}, low=0, high=1)

    def start(self, tasks: Tasks, shares: Array) -> State:  # noqa: ARG002
        """Gives equal weights; nothing was drawn."""
        return {"weights": tasks.equal, "drawn": np.zeros(len(tasks.names))}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Draws the dataset of a batch, after an update where there was a look."""
        weights, drawn, count = state["weights"], state["drawn"], len(signals.tasks.names)
        if signals.influence is not None:
            rewards = 1 / (1 + np.exp(-signals.influence.cosines.sum(axis=0)))
            gains = self.explore * rewards / (count * self._mixed(weights))
            weights, drawn = raised(weights, np.where(drawn > 0, gains, 0.0)), np.zeros(count)
        expected = self._mixed(weights)
        shares = one_of(expected, signals.rng)
        return Answer(shares, expected=expected), {"weights": weights, "drawn": drawn + shares}

    def _mixed(self, weights: Array) -> Array:
        mixed: Array = (1 - self.explore) * weights + self.explore / len(weights)
        return mixed
