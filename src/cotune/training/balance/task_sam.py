"""Task-wise SAM: each task's gradient, and how it changes uphill, are merged apart."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from cotune.training.balance.choice import Balance, made, needs_of
from cotune.training.balance.contract import (
    Answer,
    Array,
    Balancer,
    Need,
    Signals,
    State,
    Tasks,
    check_options,
    told,
)

MEAN = "mean"
LOSS, FLAT = "loss_", "flat_"
"""What the keys of the two states begin with."""


@dataclass(frozen=True)
class TaskSam:
    """The gradients merged by `merge`, plus what merging how they change at rho g / |g| gives.

    Source: Phan et al. (2022), "Improving Multi-task Learning via Seeking Task-based Flat Regions", algorithm 1: task k
    is perturbed by its own gradient, its flat gradient is the one found there less its own, and losses' and flat
    gradients are merged apart and added. `merge` is the name of a balancer that merges gradients, or "mean". It costs
    the gradients of all tasks once more.
    """

    rho: float = 0.05
    merge: str = MEAN
    needs: ClassVar[frozenset[Need]] = frozenset({"gradients", "ahead"})

    def __post_init__(self) -> None:
        check_options("task_sam", positive={"rho": self.rho})
        if self.merge == MEAN:
            return
        needs = needs_of(Balance(self.merge))
        if "gradients" not in needs or needs & {"ahead", "hidden", "held_gradient", "auxiliaries", "clipped"}:
            raise ValueError(
                "Option 'merge' of balancer 'task_sam' is 'mean' or a balancer that merges gradients of parameters, "
                f"as pcgrad; got {self.merge!r}."
            )

    @property
    def merger(self) -> Balancer | None:
        """What merges both kinds of gradients; None stands for the mean."""
        return None if self.merge == MEAN else made(Balance(self.merge))

    def start(self, tasks: Tasks) -> State:
        """Gives two states of what merges."""
        state = self.merger.start(tasks) if self.merger else {}
        return {prefix + key: value for prefix in (LOSS, FLAT) for key, value in state.items()}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of the gradients, and the merged flat gradient to be added."""
        gradients = told(signals.gradients)
        shifts = self.rho * gradients / gradients.norm(dim=1, keepdim=True).clamp_min(1e-12)
        flat = told(signals.ahead)(shifts) - gradients
        weights, loss_state = self._merged(signals, state, LOSS)
        by_flat, flat_state = self._merged(replace(signals, gradients=flat), state, FLAT)
        rows = (by_flat * told(signals.fixed))[signals.present]
        return Answer(weights=weights, extra=flat.new_tensor(rows) @ flat), {**loss_state, **flat_state}

    def _merged(self, signals: Signals, state: State, prefix: str) -> tuple[Array, State]:
        """Gives the weights of one kind of gradients, [task], and what merges them after that."""
        if self.merger is None:
            present = signals.present.astype(np.float64)
            return present / present.sum(), {}
        mine = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        answer, after = self.merger.weigh(signals, mine)
        return told(answer.weights), {prefix + key: value for key, value in after.items()}
