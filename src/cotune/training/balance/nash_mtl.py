"""Nash-MTL: the weights of a fair bargain between the tasks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, spread, told
from cotune.training.balance.gramian import products


@dataclass(frozen=True)
class NashMTL:
    """Weights a > 0 with Ga = 1 / a, G the products of the gradients: the product of all gains is largest.

    Source: Navon et al. (2022), "Multi-Task Learning as a Bargaining Game", claim 3.1. The paper solves it roughly, by
    a few convex programs, and torchjd follows its code; here it is solved by Newton's method on a'Ga / 2 - sum(log a),
    which is convex and has its minimum there. Weights are scaled to sum 1: the paper bounds the length instead.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights under which the gradients make the merged one."""
        weights = bargain(products(told(signals.gradients)))
        return Answer(weights=spread(weights / weights.sum(), signals.present)), state


def bargain(product: Array, *, steps: int = 100) -> Array:
    """Gives a > 0 with Ga = 1 / a, [task], of the products G [task, task].

    A Newton step is damped by 1 / (1 + decrement), which suits self-concordant functions: it never leaves a > 0.
    Opposite gradients have no such a; a ridge of 1e-12 of the mean length gives a long one instead.

    >>> bargain(np.array([[4.0, 0.0], [0.0, 0.25]])).round(6).tolist()
    [0.5, 2.0]
    """
    size = max(np.trace(product) / len(product), 1e-300)
    scaled = product / size + 1e-12 * np.eye(len(product))
    a = 1 / np.sqrt(np.diag(scaled))
    for _ in range(steps):
        slope = scaled @ a - 1 / a
        move = np.linalg.solve(scaled + np.diag(a**-2), -slope)
        decrement = np.sqrt(max(-slope @ move, 0.0))
        a = a + (move if decrement < 0.25 else move / (1 + decrement))
        if decrement < 1e-12:
            break
    weights: Array = a / np.sqrt(size)
    return weights
