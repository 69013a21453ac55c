"""Learned uncertainty of each task (Kendall, Gal and Cipolla)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class Uncertainty:
    """Weights 1 / (2 exp(s)) with a learned log-variance s of each task, from 0.

    Source: Kendall, Gal and Cipolla (2018), "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry
    and Semantics", equations 7 and 10: the sum of loss / (2 exp(s)) + s / 2 is minimised over model and s. Here s
    takes plain gradient steps of its own rate, without decay, after the weights were used; the paper leaves that to
    the model's optimiser. Weights are 2 / K times the paper's, K tasks. MT-ISA's task-level weights are these; with
    `regulariser` "log1p" s / 2 becomes log(1 + exp(s)) / 2, which is never below 0 (after Liebel and Koerner, 2018,
    "Auxiliary Tasks in Multi-task Learning"; MT-ISA's second form).
    """

    lr: float = 0.025
    regulariser: str = "log"
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        check_options("uncertainty", positive={"lr": self.lr})
        if self.regulariser not in ("log", "log1p"):
            raise ValueError(
                f"Option 'regulariser' of balancer 'uncertainty' is log or log1p; got {self.regulariser!r}."
            )

    def start(self, tasks: Tasks) -> State:
        """Gives log-variances of 0."""
        return {"log_variance": np.zeros(len(tasks.names))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; then the log-variances of the tasks in the batch take a step."""
        s = state["log_variance"]
        precision = np.exp(-s)
        pull = 1.0 if self.regulariser == "log" else 1 / (1 + precision)  # twice the derivative by s
        step = np.where(signals.present, 0.5 * pull - 0.5 * precision * told(signals.losses), 0.0)
        return Answer(weights=precision / len(s)), {"log_variance": s - self.lr * step}
