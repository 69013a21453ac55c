"""mSFT: a dataset leaves the training where its validation loss was best, and the others go on from there."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range


@dataclass(frozen=True)
class MSft:
    """Of the datasets that overfit, the one whose validation loss was best earliest is left out from that look on.

    The model goes back to what it was at that look. Source: Koh et al. (2026), "mSFT: Addressing Dataset Mixtures
    Overfitting Heterogeneously in Multi-task SFT". Our reading, where the parts at hand leave it open: a dataset
    overfits if its loss has not improved for `patience` looks; looks are at validation losses, in the paper at scores
    by part of an epoch; a roll-out is what has passed since the last return; steps that are undone are spent, and the
    learning rate goes on by steps, so that all trials have one budget. Without `back` a dataset just leaves (the
    paper's single roll-out, which it found worse). The last dataset stays. Epochs until a dataset left are its cap.
    """

    patience: int = 2
    back: bool = True
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def __post_init__(self) -> None:
        check_range("msft", {"patience": self.patience}, low=0)

    def start(self, tasks: Tasks, shares: Array) -> State:  # noqa: ARG002
        """Gives the mixture's shares; nothing was looked at."""
        unknown = np.full(len(shares), np.inf)
        zeros = np.zeros(len(shares))
        return {"shares": shares, "best": unknown, "at": zeros, "epochs": zeros, "since": zeros}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares of those that are left."""
        if signals.validation is None:
            return Answer(state["shares"], keep=self._keep(state)), state
        kept = self._looked(signals, signals.validation, state)
        over = (kept["since"] >= self.patience) & (kept["shares"] > 0)
        if not over.any() or (kept["shares"] > 0).sum() == 1:
            return Answer(kept["shares"], keep=self._keep(kept)), kept
        first = int(np.flatnonzero(over)[np.argmin(kept["at"][over])])
        step, epochs = int(kept["at"][first]), kept["epochs"][first]
        shares = np.where(np.arange(len(over)) == first, 0.0, kept["shares"])
        unknown = np.full(len(shares), np.inf)
        zeros = np.zeros(len(shares))
        fresh = {"shares": shares / shares.sum(), "best": unknown, "at": zeros, "epochs": zeros, "since": zeros}
        reason = f"validation loss best before step {step}, after {epochs:.2f} epochs of it"
        after = fresh if self.back else {**kept, "shares": fresh["shares"]}
        return Answer(
            after["shares"], dropped={first: reason}, back=step if self.back else None, keep=self._keep(after)
        ), after

    def _keep(self, state: State) -> tuple[int, ...]:
        """Gives the looks that the model may go back to."""
        known = (state["shares"] > 0) & np.isfinite(state["best"])
        return tuple(sorted({int(step) for step in state["at"][known]})) if self.back else ()

    def _looked(self, signals: Signals, losses: Array, state: State) -> dict[str, Array]:
        better = losses < state["best"]
        return {
            "shares": state["shares"],
            "best": np.where(better, losses, state["best"]),
            "at": np.where(better, float(signals.step), state["at"]),
            "epochs": np.where(better, signals.epochs, state["epochs"]),
            "since": np.where(better, 0.0, state["since"] + 1),
        }
