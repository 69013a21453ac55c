"""CoBa: weights that make the validation losses of all tasks converge at an even pace."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, softmax


@dataclass(frozen=True)
class CoBa:
    """Weights from the slopes of the tasks' validation losses: relative to other tasks, and to their own past.

    Source: Gong et al. (2024), "CoBa: Convergence Balancer for Multitask Finetuning of Large Language Models": slopes
    are least-squares fits to the last `window` normalised losses; relative (RCS) and absolute convergence scores (ACS)
    are mixed by the divergence factor (DF). We follow the paper; the released code shortens the window by the warm-up,
    does not clip the factor, and adds a softmax and a floor. Window and warm-up are counted in checks, which are every
    `train.balancer.every` steps. The code's 200 and 100 are counted in steps with a check at each, of one validation
    batch; ours look at all held-out rows, so fewer are needed, and so many would be longer than our trainings.
    """

    tau: float = 5.0
    window: int = 10
    warmup: int = 2
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def __post_init__(self) -> None:
        check_options("coba", positive={"tau": self.tau, "window": self.window}, at_least_0={"warmup": self.warmup})
        if self.window < 2:
            raise ValueError(f"Option 'window' of balancer 'coba' is >= 2, or there is no slope; got {self.window}.")

    def start(self, tasks: Tasks) -> State:
        """Gives equal weights without a past."""
        count = len(tasks.names)
        return {"weights": tasks.equal, "losses": np.zeros((0, count)), "slopes": np.zeros((0, count))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; they change where there are new validation losses."""
        if signals.validation is None:
            return Answer(weights=state["weights"]), state
        losses, slopes = np.vstack([state["losses"], signals.validation]), state["slopes"]  # [check, task]
        weights = state["weights"]
        if len(losses) > 1:
            recent = losses[-self.window :] / np.maximum(losses[0], 1e-12)
            slopes = np.vstack([slopes, slope(recent)])
            weights = converging(slopes, self.tau, self.window) if len(losses) > self.warmup else weights
        return Answer(weights=weights), {"weights": weights, "losses": losses, "slopes": slopes}


def slope(losses: Array) -> Array:
    """Gives the least-squares slope of each column of [check, task] by the check's number.

    >>> slope(np.array([[1.0, 1.0], [0.5, 1.0], [0.0, 1.0]])).tolist()
    [-0.5, 0.0]
    """
    x = np.arange(len(losses)) - (len(losses) - 1) / 2
    fitted: Array = x @ losses / (x @ x)
    return fitted


def converging(slopes: Array, tau: float, window: int) -> Array:
    """Gives DF * RCS + (1 - DF) * ACS at the last of the slopes [check, task]."""
    now, recent = slopes[-1], slopes[-window:]
    relative = softmax(_over(len(now) * now, np.abs(now).sum()))
    absolute = softmax(-_over(len(recent) * now, np.abs(recent).sum(axis=0)))
    worst = slopes.max(axis=1)  # [check]
    diverging = softmax(-tau * _over(len(worst) * worst, np.abs(worst).sum()))[-1]
    factor = min(len(worst) * diverging, 1.0)
    weights: Array = factor * relative + (1 - factor) * absolute
    return weights


def _over(values: Array, total: Array | float) -> Array:
    """Gives values / total, 0 where nothing moved."""
    ratio: Array = values / np.where(np.equal(total, 0), 1.0, total)
    return ratio
