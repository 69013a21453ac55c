"""MFTCoder's convergence balance: weights under which validation losses fall at an equal relative rate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, softmax
from cotune.training.balance.famo import EPSILON, adam_step


@dataclass(frozen=True)
class MFTCoderConvergence:
    """FAMO's weights with validation losses in the place of the batch's: they learn from one check to the next.

    Source: Liu et al. (2023), "MFTCoder: Boosting Code LLMs with Multitask Fine-Tuning", which takes FAMO to slopes of
    validation losses. The paper names the idea and its code (`loss_utils.py`) has none of it, so the rule is our
    reading: between checks the change of log loss is the slope, w takes FAMO's Adam step along it, and weights are
    c * softmax(w) / loss of the last check, with sum 1; equal before the first.
    """

    lr: float = 0.1
    decay: float = 1e-3
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def __post_init__(self) -> None:
        check_options("mftcoder_convergence", positive={"lr": self.lr}, at_least_0={"decay": self.decay})

    def start(self, tasks: Tasks) -> State:
        """Gives logits of 0, an Adam that has not moved, equal weights and no check."""
        zero = np.zeros(len(tasks.names))
        state = {"logits": zero, "first": zero, "second": zero, "count": np.zeros(1)}
        return {**state, "weights": tasks.equal, "losses": np.zeros((0, len(tasks.names)))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; they change where there are new validation losses."""
        now = signals.validation
        if now is None:
            return Answer(weights=state["weights"]), state
        adam = {name: state[name] for name in ("logits", "first", "second", "count")}
        if len(state["losses"]):
            change = np.log(state["losses"][-1] + EPSILON) - np.log(now + EPSILON)
            z = softmax(state["logits"])
            adam = dict(adam_step(adam, z * (change - z @ change) + self.decay * state["logits"], self.lr))
        raw = softmax(adam["logits"]) / (now + EPSILON)
        weights = raw / raw.sum()
        return Answer(weights=weights), {**adam, "weights": weights, "losses": now[None]}
