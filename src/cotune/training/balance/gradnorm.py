"""GradNorm: weighted gradients of the tasks get norms that follow how fast each task learns."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class GradNorm:
    """Weights that pull the norm of weight * gradient towards its mean over tasks times (relative loss)^alpha.

    Source: Chen et al. (2018), "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask
    Networks", algorithm 1: after a step the weights descend the sum of |norm - mean norm * rate^alpha|, targets held
    fixed, and are scaled back to their sum (here 1). Norms are of all trained parameters, the paper's of the last
    shared layer; the weights take plain gradient steps on norms divided by their mean, so that `lr` does not hang on
    the model.
    """

    alpha: float = 1.5
    lr: float = 0.025
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def __post_init__(self) -> None:
        check_options("gradnorm", positive={"lr": self.lr}, at_least_0={"alpha": self.alpha})

    def start(self, tasks: Tasks) -> State:
        """Gives equal weights; first losses of 0 stand for unknown."""
        return {"weights": tasks.equal, "first": np.zeros(len(tasks.names))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; then those of the tasks in the batch take a step."""
        here, weights = signals.present, state["weights"]
        losses = told(signals.losses)
        first = np.where((state["first"] == 0) & here, np.maximum(losses, 1e-12), state["first"])
        norms = told(signals.gradients).norm(dim=1).double().cpu().numpy()
        norms = norms / max(norms.mean(), 1e-30)
        weighted = weights[here] * norms
        pace = losses[here] / first[here]
        target = weighted.mean() * (pace / max(pace.mean(), 1e-30)) ** self.alpha
        moved = weights.copy()
        moved[here] = np.maximum(weights[here] - self.lr * np.sign(weighted - target) * norms, 1e-6)
        return Answer(weights=weights), {"weights": moved / moved.sum(), "first": first}
