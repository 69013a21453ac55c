"""DOT: learning from specialists, with a longer memory for their gradient than for the task's own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class Dot:
    """Adds momentum buffers v_1 <- g_1 + (m - d) v_1 of the loss and v_2 <- g_2 + (m + d) v_2 of the distillation loss.

    m is `momentum`, d is `delta`; g_1 is `1 - share` times the gradient of the loss under equal weights, g_2 is `share`
    times that of the distillation loss: temperature^2 x KL(teacher, model) of answer tokens, both softened by
    `temperature`. A dataset's teacher is the model trained on it alone with the same budget. `delta` 0 is plain
    distillation. Source: Zhao et al. (2023), "DOT: A Distillation-Oriented Trainer", its update rule, momentum and
    delta, and Hinton et al. (2015), "Distilling the Knowledge in a Neural Network", for the loss. Where we differ: the
    sum is multiplied by 1 - m, so that it is as long as a gradient, and goes to AdamW in place of SGD, whose own first
    moment is off (its beta is 0), or momentum would be taken twice.
    """

    momentum: float = 0.9
    delta: float = 0.075
    share: float = 0.5
    temperature: float = 2.0
    needs: ClassVar[frozenset[Need]] = frozenset({"teachers", "momentum"})

    def __post_init__(self) -> None:
        at_least_0 = {"momentum": self.momentum, "delta": self.delta, "share": self.share}
        check_options("dot", positive={"temperature": self.temperature}, at_least_0=at_least_0)
        if self.share > 1:
            raise ValueError(f"Option 'share' of balancer 'dot' is in [0, 1]; got {self.share}.")
        if self.momentum + self.delta >= 1 or self.momentum < self.delta:
            raise ValueError(
                "Options of balancer 'dot' have momentum + delta below 1 and momentum - delta at least 0; got momentum "
                f"{self.momentum} and delta {self.delta}."
            )

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (it looks at no single task)
        """Gives the temperature, and buffers of nothing, [loss, 0]."""
        return {"temperature": np.array([self.temperature]), "buffers": np.zeros((2, 0))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the sum of the buffers with this batch's gradients in them."""
        import torch

        given = told(signals.taught)
        parts = np.array([[1 - self.share], [self.share]]) * given.double().cpu().numpy()
        kept = np.array([[self.momentum - self.delta], [self.momentum + self.delta]])
        before = state["buffers"] if state["buffers"].shape[1] else np.zeros_like(parts)
        buffers = parts + kept * before  # [loss, parameter]
        merged = torch.from_numpy((1 - self.momentum) * buffers.sum(axis=0)).to(given)
        tokens = np.bincount(signals.owner, weights=signals.tokens, minlength=len(signals.tasks.names))
        return Answer(gradient=merged, shares=tokens / tokens.sum()), {**state, "buffers": buffers}
