"""Dynamic loss-based reweighting of single examples."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, softmax, told

SHAPES = ("lin_upper", "quadratic", "extremes")


@dataclass(frozen=True)
class SampleReweighting:
    """Weights of examples softmax(s(h) / r), h the losses of the batch scaled to [-1, 1].

    `lin_upper` min(h + 1, 1) takes weight from low losses, `quadratic` 1 - h^2 from both ends, `extremes` |h| from the
    middle. Source: Sow et al. (2025), "Dynamic Loss-Based Sample Reweighting for Improved Large Language Model
    Pretraining", with its shapes at delta 1. For the first `warmup` of the steps examples weigh the same; then r goes
    from `r_first` to `r_last` in a straight line, which is our reading of its annealing: the released code has r fixed
    at 1, which both at 1 give.
    """

    shape: str = "lin_upper"
    warmup: float = 0.1
    r_first: float = 2.0
    r_last: float = 0.5
    needs: ClassVar[frozenset[Need]] = frozenset({"losses"})

    def __post_init__(self) -> None:
        positive = {"r_first": self.r_first, "r_last": self.r_last}
        check_options("sample_reweighting", positive=positive, at_least_0={"warmup": self.warmup})
        if self.shape not in SHAPES:
            found = f"one of {list(SHAPES)}; got {self.shape!r}"
            raise ValueError(f"Option 'shape' of balancer 'sample_reweighting' is {found}.")

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights of the examples."""
        losses = told(signals.example_losses)
        calm = round(self.warmup * signals.steps)
        if signals.step <= calm:
            return Answer(examples=np.full(len(losses), 1 / len(losses))), state
        done = (signals.step - calm - 1) / max(signals.steps - calm - 1, 1)
        r = self.r_first + done * (self.r_last - self.r_first)
        return Answer(examples=softmax(shaped(scaled(losses), self.shape) / r)), state


def scaled(losses: Array) -> Array:
    """Gives losses scaled to [-1, 1]; 0 where all are the same.

    >>> scaled(np.array([1.0, 2.0, 3.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    low, high = losses.min(), losses.max()
    flat = np.zeros_like(losses)
    return flat if high - low < 1e-6 else (2 * losses - (high + low)) / (high - low)


def shaped(h: Array, shape: str) -> Array:
    """Gives s(h)."""
    if shape == "lin_upper":
        return np.minimum(h + 1, 1.0)
    return 1 - h**2 if shape == "quadratic" else np.abs(h)
