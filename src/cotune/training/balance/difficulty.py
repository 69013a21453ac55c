"""Dynamic task prioritization: the tasks whose answers the model finds least likely count most."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class Difficulty:
    """Weights (1 - k)^gamma * -log k, scaled to sum 1; k <- decay k + (1 - decay) exp(-loss) is how well a task goes.

    Source: Guo et al. (2018), "Dynamic Task Prioritization for Multitask Learning", weights by task, with 1 - decay for
    its discount. Its k is a score in [0, 1], such as accuracy; we have none at each step, and take the probability of
    an answer's token in the geometric mean. Its weights have no fixed sum, and its examples weights of their own, as in
    `focal`; ours have neither. The average begins with the task's first batch. The defaults are ours.

    Yang et al. (2025), "TAT: Task-Adaptive Transformer for All-in-One Medical Image Restoration", learns 1 / (2 u^2)
    from how far input, output and label of an image are apart. That lowers the weight of what has a large loss, as
    `uncertainty` with the regulariser log1p does, and is not this.
    """

    gamma: float = 1.0
    decay: float = 0.9
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("difficulty", positive={}, at_least_0={"gamma": self.gamma, "decay": self.decay})
        if self.decay >= 1:
            raise ValueError(f"Option 'decay' of balancer 'difficulty' is in [0, 1); got {self.decay}.")

    def start(self, tasks: Tasks) -> State:
        """Gives averages of nothing, [task]."""
        return {"likely": np.full(len(tasks.names), np.nan)}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights by the averages with this batch in them; those of absent tasks wait."""
        seen = np.exp(-told(signals.losses)).clip(1e-12, 1 - 1e-12)
        before = np.where(np.isnan(state["likely"]), seen, state["likely"])
        now = np.where(signals.present, self.decay * before + (1 - self.decay) * seen, before)
        hard = (1 - now) ** self.gamma * -np.log(now)
        known = np.where(signals.present, now, state["likely"])
        return Answer(weights=hard / hard.sum()), {"likely": known}
