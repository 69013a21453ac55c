"""Hyper-gradient: auxiliary tasks count as far as a step on them lowers the targets' loss on held-out rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class HyperGradient:
    """Weights of the K auxiliary tasks, with sum K, that grow by exp(rate * <g_held, g_k> / (|g_held| max |g|)).

    Source: the one-step form of a bilevel problem (Franceschi et al. 2018, "Bilevel Programming for Hyperparameter
    Optimization and Meta-Learning"): after a step on sum a_k L_k the targets' loss on held-out rows has the slope
    -lr <g_held, g_k> by a_k. Our reading: it is followed by exponentiated gradient steps on the simplex, relative to
    the gradients' lengths, so that `rate` does not hang on the model. Targets have weight 1. All is divided by the
    number of tasks. Gradients are taken every `train.balancer.every` steps only, on `train.balancer.rows` held-out
    rows of each target.
    """

    rate: float = 1.0
    needs: ClassVar[frozenset[Need]] = frozenset({"gradients", "held_gradient", "auxiliaries"})

    def __post_init__(self) -> None:
        check_options("hyper_gradient", positive={"rate": self.rate})

    def start(self, tasks: Tasks) -> State:
        """Gives weights of 1."""
        return {"weights": np.ones(len(tasks.names))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights; they change where there are gradients, of the auxiliary tasks in the batch."""
        weights = state["weights"]
        if signals.gradients is not None:
            held = told(signals.held_gradient).double()
            rows = signals.gradients.double().to(held.device)
            largest = float(held.norm() * rows.norm(dim=1).max())
            alike = np.zeros(len(weights))
            alike[signals.present] = (rows @ held).cpu().numpy() / max(largest, 1e-300)
            helper = ~np.array(signals.tasks.targets)
            grown = weights[helper] * np.exp(self.rate * alike[helper])
            weights = weights.copy()
            weights[helper] = grown / grown.sum() * len(grown)
        return Answer(weights=weights / len(weights)), {"weights": weights}
