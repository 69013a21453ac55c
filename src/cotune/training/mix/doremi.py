"""DoReMi-style mixing: shares follow what a dataset costs more than under a reference model."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range, raised


@dataclass(frozen=True)
class DoReMi:
    """Shares p <- (1 - c) raised + c / k with raised_i in proportion to p_i exp(eta E_i), E_i the clipped excess.

    Source: Xie et al. (2023), "DoReMi: Optimizing Data Mixtures Speeds Up Language Model Pretraining", algorithm 1,
    with its eta = 1 and c = 0.001. Where we differ: the shares are used in the run that finds them, while the paper
    reweights the loss of a proxy and trains again on the mean of its shares; losses are clipped by example, in the
    paper by token. E of a dataset that is not in the batch is what was last seen of it, as in the paper's code. The
    reference is `proxy` (the paper's: trained on the mixture's own shares) or `base`, the model as it is, under which
    only datasets that training has made worse gain.
    """

    eta: float = 1.0
    smoothing: float = 0.001
    needs: ClassVar[frozenset[Need]] = frozenset({"reference"})

    def __post_init__(self) -> None:
        check_range("doremi", {"eta": self.eta}, low=0)
        check_range("doremi", {"smoothing": self.smoothing}, low=0, high=1)

    def start(self, tasks: Tasks, shares: Array) -> State:
        """Gives the mixture's shares; no excess is known."""
        return {"shares": shares, "excess": np.zeros(len(tasks.names))}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares after an update by the excess of the batch before."""
        shares, excess = state["shares"], state["excess"]
        if signals.seen is not None:
            here = np.unique(signals.seen.owner)
            excess = excess.copy()
            excess[here] = [signals.seen.excess(task) for task in here]
            shares = (1 - self.smoothing) * raised(shares, self.eta * excess) + self.smoothing / len(shares)
        return Answer(shares), {"shares": shares, "excess": excess}
