"""FAMO: weights under which all losses fall at an equal relative rate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, softmax, told

EPSILON = 1e-8


@dataclass(frozen=True)
class Famo:
    """Weights c * z / loss with z = softmax(w), c such that they sum to 1; w learns from how each loss changed.

    Source: Liu, Feng, Stone and Liu (2023), "FAMO: Fast Adaptive Multitask Optimization", algorithm 2: after a step the
    losses of its batch are measured again, and w takes an Adam step (betas 0.9, 0.999) along
    softmax'(w) * (log before - log after), with decay. It costs a forward pass of each batch.
    """

    lr: float = 0.025
    decay: float = 1e-3
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "after"})

    def __post_init__(self) -> None:
        check_options("famo", positive={"lr": self.lr}, at_least_0={"decay": self.decay})

    def start(self, tasks: Tasks) -> State:
        """Gives logits of 0 and an Adam that has not moved."""
        zero = np.zeros(len(tasks.names))
        return {"logits": zero, "first": zero, "second": zero, "count": np.zeros(1)}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; before that the logits learn from the batch before."""
        if signals.previous is not None:
            change = np.log(signals.previous + EPSILON) - np.log(told(signals.after) + EPSILON)
            z = softmax(state["logits"])
            gradient = z * (change - z @ change) + self.decay * state["logits"]
            state = adam_step(state, gradient, self.lr)
        weights = softmax(state["logits"]) / (told(signals.losses) + EPSILON)
        return Answer(weights=weights / weights.sum()), state


def adam_step(state: State, gradient: Array, lr: float) -> State:
    """Gives the state after a step of Adam on its logits along `gradient`, [task]."""
    count = state["count"] + 1
    first = 0.9 * state["first"] + 0.1 * gradient
    second = 0.999 * state["second"] + 0.001 * gradient**2
    step = first / (1 - 0.9**count) / (np.sqrt(second / (1 - 0.999**count)) + 1e-8)
    return {"logits": state["logits"] - lr * step, "first": first, "second": second, "count": count}
