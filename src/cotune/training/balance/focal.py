"""MFTCoder's focal loss of whole examples or whole tasks: what is hard counts more."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, told
from cotune.training.balance.mftcoder import means

LEVELS = ("sample", "task")


@dataclass(frozen=True)
class Focal:
    """The loss (1 - q)^gamma * -log q of examples or tasks, where -log q is the mean loss per answer token.

    A single token's focal loss is the setting `train.loss: focal`. The weight is the derivative by the mean loss, so
    that the step is the gradient of that loss itself, averaged over examples of datasets (`sample`) or datasets
    (`task`). Source: Liu et al. (2023), "MFTCoder", section 3.3 (task heterogeneity). That q is the probability of an
    answer's token in the geometric mean is our reading; the released code has no focal loss.
    """

    level: str = "sample"
    gamma: float = 2.0
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("focal", positive={}, at_least_0={"gamma": self.gamma})
        if self.level not in LEVELS:
            raise ValueError(f"Option 'level' of balancer 'focal' is one of {list(LEVELS)}; got {self.level!r}.")

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of examples, or of tasks by way of their examples."""
        if self.level == "sample":
            each = means("task_sample", signals) * slope(told(signals.example_losses), self.gamma)
        else:
            each = means("task_token", signals) * slope(told(signals.losses), self.gamma)[signals.owner]
        return Answer(examples=each), state


def slope(losses: Array, gamma: float) -> Array:
    """Gives the derivative of (1 - exp(-loss))^gamma * loss by the loss.

    >>> slope(np.array([0.7, 3.0]), 0.0).tolist()
    [1.0, 1.0]
    """
    q = np.exp(-losses)
    wrong = np.maximum(1 - q, 1e-12)
    rise: Array = wrong**gamma + gamma * wrong ** (gamma - 1) * q * losses
    return rise
