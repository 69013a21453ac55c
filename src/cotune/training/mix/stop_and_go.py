"""Stop-and-go: a dataset that no longer learns is drawn seldom, until it is being forgotten."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range


@dataclass(frozen=True)
class StopAndGo:
    """A stopped dataset has 1 / `gap` of its share; what it leaves goes to the others, if any goes on.

    A dataset stops whose validation loss fell by less than the fraction `gain` in `patience` looks. It goes on again,
    with a fresh count of looks, when that loss is above its best by more than the fraction `slip`. Source: Lu et al.
    (2020), "12-in-1: Multi-Task Vision and Language Representation Learning", dynamic stop-and-go, with the paper's
    0.1 % in two epochs, 0.5 %, and an update every fourth iteration from knowledge, since its text was not at hand.
    Where we differ: looks are every so many steps in place of epochs, at losses in place of scores, and a quarter of
    the share is drawn at each step in place of all of it at every fourth.
    """

    gap: float = 4.0
    patience: int = 2
    gain: float = 0.001
    slip: float = 0.005
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def __post_init__(self) -> None:
        options = {"gap": self.gap, "patience": self.patience, "gain": self.gain, "slip": self.slip}
        check_range("stop_and_go", options, low=0)
        if self.gap < 1:
            raise ValueError(f"Option 'gap' of mixing 'stop_and_go' is >= 1; got {self.gap}.")

    def start(self, tasks: Tasks, shares: Array) -> State:
        """Gives the mixture's shares; nothing was looked at, and nothing is stopped."""
        count = len(tasks.names)
        past = np.full((self.patience, count), np.inf)  # [look, task], the oldest first
        return {"shares": shares, "past": past, "best": np.full(count, np.inf), "stopped": np.zeros(count)}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares of those that go and those that are stopped."""
        if signals.validation is not None:
            state = self._looked(signals.validation, state)
        slow = np.where(state["stopped"] > 0, 1 / self.gap, 1.0)
        shares = state["shares"] * slow
        return Answer(shares / shares.sum()), state

    def _looked(self, losses: Array, state: State) -> State:
        """Gives the state after a look; a loss of before that is unknown is infinite, so that it was a fall."""
        was, past, best = state["stopped"] > 0, state["past"], state["best"]
        stops = ~was & (losses > past[0] * (1 - self.gain))
        goes = was & (losses > best * (1 + self.slip))
        past = np.vstack([np.where(goes, np.inf, past[1:]), losses])
        stopped = np.where(stops | (was & ~goes), 1.0, 0.0)
        return {**state, "past": past, "best": np.minimum(best, losses), "stopped": stopped}
