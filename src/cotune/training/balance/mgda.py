"""MGDA: the shortest vector among all averages of the gradients."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import nnls

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, spread, told
from cotune.training.balance.gramian import products


@dataclass(frozen=True)
class MGDA:
    """Weights on the simplex under which the merged gradient is shortest: no task loses along it.

    Source: Desideri (2012), "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization"; Sener and
    Koltun (2018), "Multi-Task Learning as Multi-Objective Optimization", equation 4. Solved exactly, as non-negative
    least squares; torchjd's Frank-Wolfe steps come near it only slowly.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights under which the gradients make the merged one."""
        return Answer(weights=spread(shortest(products(told(signals.gradients))), signals.present)), state


def shortest(product: Array) -> Array:
    """Gives the weights w >= 0 with sum 1 of least w'Gw; G are the products [task, task].

    min |Rw|^2 + (sum w - 1)^2 over w >= 0, with G = R'R, is solved by a multiple of them.

    >>> shortest(np.array([[1.0, 0.0], [0.0, 3.0]])).round(6).tolist()
    [0.75, 0.25]
    """
    size = max(np.trace(product) / len(product), 1e-300)
    values, vectors = np.linalg.eigh(product / size)
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    weights, _ = nnls(np.vstack([root, np.ones(len(product))]), np.append(np.zeros(len(product)), 1.0))
    normal: Array = weights / weights.sum()
    return normal
