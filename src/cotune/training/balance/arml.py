"""ARML: auxiliary tasks count as far as their gradients add up to the main one's."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, told
from cotune.training.balance.gramian import products


@dataclass(frozen=True)
class Arml:
    """Weights a >= 0 of the K auxiliary tasks, with sum K, that take |g - sum a_k g_k|^2 down by a projected step each.

    Source: Shi et al. (2020), "Auxiliary Task Reweighting for Minimum-data Learning", equation 9; g is the sum of the
    targets' gradients. The Langevin noise on the model's parameters is left out. Steps are relative to the largest
    squared length of an auxiliary gradient, so that `lr` does not hang on the model. All is divided by the number of
    tasks.
    """

    lr: float = 0.1
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients", "auxiliaries"})

    def __post_init__(self) -> None:
        check_options("arml", positive={"lr": self.lr})

    def start(self, tasks: Tasks) -> State:
        """Gives weights of 1."""
        return {"weights": np.ones(len(tasks.names))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights after a step on those of the auxiliary tasks in the batch."""
        weights, main = state["weights"], np.array(signals.tasks.targets)
        here, product = np.flatnonzero(signals.present), products(told(signals.gradients))
        helpers = ~main[here]
        if helpers.any() and not helpers.all():
            inner = product[np.ix_(helpers, helpers)]
            slope = inner @ weights[here][helpers] - product[np.ix_(helpers, ~helpers)].sum(axis=1)
            weights = weights.copy()
            weights[here[helpers]] -= self.lr * slope / max(np.diag(inner).max(), 1e-300)
            weights[~main] = on_simplex(weights[~main]) * len(weights[~main])
        return Answer(weights=weights / len(weights)), {"weights": weights}


def on_simplex(values: Array) -> Array:
    """Gives the nearest point to values / len(values) among those >= 0 with sum 1 (Held, Wolfe and Crowder, 1974).

    >>> on_simplex(np.array([3.0, 1.0, -1.0])).round(6).tolist()
    [0.833333, 0.166667, 0.0]
    """
    wanted = values / len(values)
    falling = np.sort(wanted)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
    kept = np.flatnonzero(falling > excess)[-1]
    nearest: Array = np.maximum(wanted - excess[kept], 0.0)
    return nearest
