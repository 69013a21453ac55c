"""The four ways in which MFTCoder averages the losses of a batch."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks

MODES = ("token", "sample", "task_token", "task_sample")


@dataclass(frozen=True)
class MFTCoder:
    """One of four means: of tokens, of examples, of the datasets' token means, of the datasets' example means.

    Source: Liu et al. (2023), "MFTCoder: Boosting Code LLMs with Multitask Fine-Tuning", section 3.2 (data imbalance),
    and its `loss_utils.py`: means over datasets are over those that the batch holds.
    """

    mode: str = "task_token"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"Option 'mode' of balancer 'mftcoder' is one of {list(MODES)}; got {self.mode!r}.")

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weight of each example's mean loss."""
        return Answer(examples=means(self.mode, signals)), state


def means(mode: str, signals: Signals) -> Array:
    """Gives the weight of each example's mean loss in the mean that `mode` names, [example]; they sum to 1."""
    size: Array = signals.tokens if mode.endswith("token") else np.ones_like(signals.tokens)
    if not mode.startswith("task"):
        share: Array = size / size.sum()
        return share
    total = np.bincount(signals.owner, weights=size, minlength=len(signals.tasks.names))  # [task]
    return np.asarray(size / total[signals.owner] / signals.present.sum(), dtype=np.float64)
