"""Aioli: shares follow what training on each dataset was just seen to do for all of them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range, raised


@dataclass(frozen=True)
class Aioli:
    """Rounds of k windows that each favour one dataset, then `hold` windows on shares that follow what they showed.

    A window ends at a look at validation losses. Those of window j are drawn by `focus` for j and the rest in equal
    parts; their falls D_ij = sum_m A_im p_m(j) give A, which is moved to be >= 0 and scaled to sum 1; then
    p_j <- p_j exp(eta sum_i A_ij), scaled to sum 1. Source: Chen et al. (2025), "Aioli: A Unified Optimization
    Framework for Language Model Data Mixing", LearnParams and update, with `focus` 0.75 and the scaling of its released
    scripts. The order of the windows is drawn anew each round. Scripts that also average A over rounds start each
    update from equal shares instead; we follow the update without that. Our first shares are the mixture's.
    """

    eta: float = 1.0
    focus: float = 0.75
    hold: int = 4
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def __post_init__(self) -> None:
        check_range("aioli", {"eta": self.eta, "hold": self.hold}, low=0)
        check_range("aioli", {"focus": self.focus}, low=0, high=1)

    def start(self, tasks: Tasks, shares: Array) -> State:
        """Gives the mixture's shares before the first window."""
        count = len(tasks.names)
        state = {"shares": shares, "falls": np.zeros((count, count)), "before": np.zeros(count)}
        return state | {"window": np.array([-1.0]), "order": np.arange(count, dtype=np.float64)}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares of the window that a step is in."""
        if signals.validation is not None:
            state = self._next(signals, signals.validation, state)
        window = int(state["window"][0])
        if window >= len(signals.tasks.names):
            return Answer(state["shares"]), state
        return Answer(self._windows(len(signals.tasks.names))[int(state["order"][window])]), state

    def _next(self, signals: Signals, losses: Array, state: State) -> State:
        """Gives the state in the next window, with what the last one showed."""
        count, window = len(losses), int(state["window"][0])
        shares, falls, order = state["shares"], state["falls"], state["order"]
        if 0 <= window < count:
            falls = falls.copy()
            falls[:, int(order[window])] = state["before"] - losses
        if window == count - 1:
            shares = raised(shares, self.eta * self._effects(falls).sum(axis=0))
        window = (window + 1) % (count + self.hold)
        if window == 0:
            order = signals.rng.permutation(count).astype(np.float64)
        kept = {"shares": shares, "falls": falls, "before": losses}
        return kept | {"window": np.array([float(window)]), "order": order}

    def _windows(self, count: int) -> Array:
        """Gives the shares in each window, [window, task]; in window j those that favour task j."""
        windows = np.full((count, count), (1 - self.focus) / max(count - 1, 1))
        np.fill_diagonal(windows, self.focus)
        return windows

    def _effects(self, falls: Array) -> Array:
        """Gives A from the falls [task, window], [task, task]; the nearest one where windows are alike."""
        effects = np.linalg.lstsq(self._windows(len(falls)), falls.T, rcond=None)[0].T
        effects = effects - min(effects.min(), 0.0)
        normal: Array = effects / max(effects.sum(), 1e-300)
        return normal
