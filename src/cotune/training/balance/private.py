"""DP-SGD: rows' gradients are cut and noise is added, so that no row shows; small datasets count more."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np

from cotune.training.balance.accountant import spent
from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, told


@dataclass(frozen=True)
class Private:
    """Adds weight x sum of the rows' gradients, each cut to length `clip`, over datasets, and noise x clip x N(0, 1).

    A dataset's weight is (its rows / fewest rows)^-power, so a row of it hides behind noise / weight. Source: Abadi et
    al. (2016), "Deep Learning with Differential Privacy", algorithm 1; weights by size after Krichene et al. (2023),
    "Multi-Task Differential Privacy Under Distribution Skew", whose exact weights are not ours. A trial records two
    epsilons at `delta` for each dataset: one that holds for how rows are drawn here (each once a pass; what another
    content of one row can change, up to twice its cut, with lengths, counts and the order taken as known), and the
    usual smaller one, of a row that is there or not, as if each step drew rows by chance. Neither covers what a trial
    tells besides: its scores, losses and outputs. The noise is from the request's seed: who knows the seed can take it
    away again.
    """

    clip: float = 1.0
    noise: float = 1.0
    delta: float = 1e-5
    power: float = 0.5
    needs: ClassVar[frozenset[Need]] = frozenset({"gradients", "clipped"})

    def __post_init__(self) -> None:
        positive = {"clip": self.clip, "noise": self.noise, "delta": self.delta}
        check_options("private", positive=positive, at_least_0={"power": self.power})
        if self.delta >= 1:
            raise ValueError(f"Option 'delta' of balancer 'private' is below 1; got {self.delta}.")

    def start(self, tasks: Tasks) -> State:
        """Gives the length that gradients are cut to, the weights, and how many rows and steps there were: none."""
        rows = np.maximum(np.array(tasks.rows, dtype=np.float64), 1)
        zero = np.zeros(len(rows))
        return {
            "clip": np.array([self.clip]),
            "weights": (rows / rows.min()) ** -self.power,
            "seen": zero,
            "steps": zero,
        }

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the noisy gradient, a mean over the batch's rows, and what it cost."""
        import torch

        sums, count = told(signals.gradients), len(signals.owner)
        weights = torch.from_numpy(state["weights"][signals.present]).to(sums)
        draws = np.random.default_rng([signals.seed, signals.step, 0xD9]).standard_normal(sums.shape[1])
        noise = torch.from_numpy(draws).to(sums) * (self.noise * self.clip)
        seen = state["seen"] + np.bincount(signals.owner, minlength=len(signals.tasks.rows))
        later = {**state, "seen": seen, "steps": state["steps"] + 1}
        gradient, cost = (weights @ sums + noise) / count, self.epsilons(signals.tasks, later)
        terms = {"delta": self.delta, "clip": self.clip, "noise": self.noise}
        return Answer(gradient=gradient, shares=state["weights"], spent=cost, terms=terms), later

    def epsilons(self, tasks: Tasks, state: State) -> Array:
        """Gives the two epsilons of each task after the steps of `state`, [task, 2]."""
        made = []
        lines = zip(tasks.rows, state["weights"], state["seen"], state["steps"], strict=True)
        for rows, weight, seen, steps in lines:
            hidden, rate = self.noise / weight, min(seen / steps / max(rows, 1), 1.0)
            drawn = spent(hidden, steps, self.delta, rate=rate) if rate > 0 else 0.0
            made.append((spent(hidden / 2, ceil(seen / max(rows, 1)), self.delta), drawn))
        return np.array(made)
