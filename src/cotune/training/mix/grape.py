"""GRAPE: sources are drawn more often that help the targets which improve slowest."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Influence, Need, Signals, check_range, raised


@dataclass(frozen=True)
class Grape:
    """Shares a of all datasets as sources, weights z of the targets, each by mirror descent at every look.

    z_n <- z_n exp(-eta_targets b_n) with b_n = <grad log l_n, sum_k a_k g_k>, then a_k <- a_k exp(eta_sources c_k) with
    c_k = <g_k, sum_n z_n grad log l_n>, both scaled to sum 1. Source: Fan et al. (2025), "GRAPE: Optimize Data Mixture
    for Group Robust Multi-target Adaptive Pretraining", whose steps are gamma / mu, gamma the learning rate; its
    released code leaves gamma out. Where we differ: products are divided by the largest size of a c_k (b_n) at that
    look, so that `eta_sources` and `eta_targets` do not hang on model and learning rate; both are updated at the same
    looks; g_k is taken on random train rows, l_n on rows held out. The paper starts from equal shares, we from the
    mixture's. Without a target in the mixture all its datasets are targets.
    """

    eta_sources: float = 0.5
    eta_targets: float = 0.5
    needs: ClassVar[frozenset[Need]] = frozenset({"validation", "influence"})

    def __post_init__(self) -> None:
        check_range("grape", {"eta_sources": self.eta_sources, "eta_targets": self.eta_targets}, low=0)

    def start(self, tasks: Tasks, shares: Array) -> State:
        """Gives the mixture's shares, and equal weights of the targets."""
        targets = targets_of(tasks)
        return {"shares": shares, "targets": targets / targets.sum()}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares, after an update where there was a look."""
        shares, targets = state["shares"], state["targets"]
        if signals.influence is not None and signals.validation is not None:
            gains = relative(signals.influence, signals.validation)  # [target, source]
            targets = raised(targets, -self.eta_targets * unit_size(gains @ shares * (targets > 0)))
            shares = raised(shares, self.eta_sources * unit_size(targets @ gains))
        return Answer(shares), {"shares": shares, "targets": targets}


def targets_of(tasks: Tasks) -> Array:
    """Gives 1 for targets and 0 for others, [task]; 1 for all where none is a target."""
    return np.array(tasks.targets if any(tasks.targets) else [True] * len(tasks.names), dtype=np.float64)


def relative(influence: Influence, losses: Array) -> Array:
    """Gives products with the gradients of the logarithms of held-out losses, [held-out task, train task]."""
    gains: Array = influence.products / np.maximum(losses, 1e-12)[:, None]
    return gains


def unit_size(gains: Array) -> Array:
    """Gives gains divided by the largest size among them, [task]."""
    unit: Array = gains / max(np.abs(gains).max(), 1e-300)
    return unit
