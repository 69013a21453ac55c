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

    The rule is ours: a one-sided t test on the last `looks` looks at `level`, which is shared out among the datasets
    that are no targets and all looks that the training will have (Bonferroni); a window, since early gradients agree
    while all datasets teach the same form of answer. Targets are never dropped. What a dropped dataset would have goes
    to the others in proportion.
    """

    looks: int = 6
    level: float = 0.05
    margin: float = 0.0
    needs: ClassVar[frozenset[Need]] = frozenset({"influence", "auxiliaries"})

    def __post_init__(self) -> None:
        check_range("drop", {"looks": self.looks}, low=1)
        check_range("drop", {"level": self.level}, low=0, high=0.5)
        check_range("drop", {"margin": self.margin}, low=-1, high=1)

    def start(self, tasks: Tasks, shares: Array) -> State:  # noqa: ARG002
        """Gives the mixture's shares before any look."""
        return {"shares": shares, "cosines": np.zeros((0, len(shares)))}

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the shares of those that are left."""
        if signals.influence is None:
            return Answer(state["shares"]), state
        targets = targets_of(signals.tasks)
        mean = targets @ signals.influence.cosines / targets.sum()
        cosines = np.vstack([state["cosines"], mean])[-self.looks :]  # [look, task]
        shares, dropped = state["shares"], {}
        if len(cosines) == self.looks:
            surely = self._bound(cosines, signals.looks * max((targets == 0).sum(), 1))
            for task in np.flatnonzero((surely < -self.margin) & (targets == 0) & (shares > 0)):
                average = cosines[:, task].mean()
                dropped[int(task)] = f"cosine with the targets' gradients {average:.3f} over {self.looks} looks"
            shares = np.where(np.isin(np.arange(len(shares)), list(dropped)), 0.0, shares)
        kept = {"shares": shares / shares.sum(), "cosines": cosines}
        return Answer(kept["shares"], dropped=dropped), kept

    def _bound(self, cosines: Array, tests: float) -> Array:
        """Gives what the mean cosine is surely below, [task]."""
        error = cosines.std(axis=0, ddof=1) / np.sqrt(self.looks)
        bound: Array = cosines.mean(axis=0) + error * student.isf(self.level / tests, self.looks - 1)
        return bound
