"""Drop: a dataset whose gradients go against the targets' leaves the training."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import t as student

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.mix.contract import Answer, Need, Signals, check_range
from cotune.training.mix.grape import targets_of


@dataclass(frozen=True)
class Drop:
    """Leaves out a dataset once its gradient's mean cosine with the targets' held-out ones is surely below -margin.

    The rule is ours: of the looks so far, at least `looks`, a one-sided t test at `level`, which is shared out among
    datasets and looks (Bonferroni). Targets are never dropped. What a dropped dataset would have goes to the others in
    proportion. With one target the mean is over one cosine a look.
    """

    looks: int = 4
    level: float = 0.05
    margin: float = 0.0
    needs: ClassVar[frozenset[Need]] = frozenset({"influence", "targets", "auxiliaries"})

    def __post_init__(self) -> None:
        check_range("drop", {"looks": self.looks}, low=1)
        check_range("drop", {"level": self.level}, low=0, high=0.5)
        check_range("drop", {"margin": 1 + self.margin}, low=0, high=2)

    def start(self, tasks: Tasks, shares: Array) -> State:  # noqa: ARG002
        """Gives the mixture's shares before any look."""
        return {"shares": shares, "count": np.zeros(1), "sum": np.zeros(len(shares)), "squares": np.zeros(len(shares))}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares of those that are left."""
        if signals.influence is None:
            return Answer(state["shares"]), state
        targets = targets_of(signals.tasks)
        cosines = targets @ signals.influence.cosines / targets.sum()
        count, total, squares = state["count"] + 1, state["sum"] + cosines, state["squares"] + cosines**2
        shares, dropped = state["shares"], {}
        if count[0] >= self.looks:
            mean, bound = self._bound(float(count[0]), total, squares)
            for task in np.flatnonzero((bound < -self.margin) & (targets == 0) & (shares > 0)):
                dropped[int(task)] = f"cosine with the targets' gradients {mean[task]:.3f} over {count[0]:.0f} looks"
            shares = np.where(np.isin(np.arange(len(shares)), list(dropped)), 0.0, shares)
        kept = {"shares": shares / shares.sum(), "count": count, "sum": total, "squares": squares}
        return Answer(kept["shares"], dropped=dropped), kept

    def _bound(self, count: float, total: Array, squares: Array) -> tuple[Array, Array]:
        """Gives the mean cosine and what it is surely below, both [task]."""
        mean = total / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 0) / (count - 1))
        level = self.level / (len(total) * (count - self.looks + 1) * (count - self.looks + 2))
        return mean, mean + spread * student.isf(level, count - 1)
