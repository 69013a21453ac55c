"""MultiBalance: the shortest average of the tasks' gradients at the hidden state that they share."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, spread, told
from cotune.training.balance.mgda import shortest


@dataclass(frozen=True)
class MultiBalance:
    """Weights on the simplex of least |sum w_k m_k|, m_k the moving averages of gradients at a shared hidden state.

    Source: He et al. (2024), "MultiBalance: Multi-Objective Gradient Balancing in Industrial-Scale Multi-Task
    Recommendation System". Our reading, from its abstract, since the text could not be had: the state is the one under
    the output layer, so that one pass goes down the layers; a task's gradient is summed over its answer tokens, since
    tasks have rows of their own here; the average is m <- decay m + (1 - decay) g, and begins with the first g.
    """

    decay: float = 0.9
    needs: ClassVar[frozenset[Need]] = frozenset({"gradients", "hidden"})

    def __post_init__(self) -> None:
        check_options("multibalance", positive={}, at_least_0={"decay": self.decay})
        if self.decay >= 1:
            raise ValueError(f"Option 'decay' of balancer 'multibalance' is in [0, 1); got {self.decay}.")

    def start(self, tasks: Tasks) -> State:
        """Gives averages of nothing, [task, 0]."""
        return {"means": np.zeros((len(tasks.names), 0))}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights by the averages with this batch's gradients in them."""
        found, here = told(signals.gradients).double().cpu().numpy(), signals.present
        known: Array = state["means"]
        means = known if known.shape[1] else np.full((len(known), found.shape[1]), np.nan)
        before = np.where(np.isnan(means[here]), found, means[here])
        means = means.copy()
        means[here] = self.decay * before + (1 - self.decay) * found
        weights = shortest(means[here] @ means[here].T)
        return Answer(weights=spread(weights, here)), {"means": means}
