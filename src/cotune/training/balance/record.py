"""The record of what a balancer did."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from cotune.training.balance.contract import Answer, Signals
from cotune.trial import Balancing

MOST_STEPS = 200
Line = tuple[int, tuple[float, ...], tuple[float | None, ...]]
"""Step, weights [task], cosines [pair]."""


@dataclass(frozen=True)
class Record:
    """The steps so far."""

    lines: tuple[Line, ...] = ()
    spent: tuple[tuple[float, ...], ...] = ()

    def then(self, signals: Signals, answer: Answer) -> "Record":
        """Gives the record with one step more."""
        weights = answer.shares if answer.weights is None else answer.weights
        if answer.examples is not None:
            count = len(signals.tasks.names)
            weights = np.bincount(signals.owner, weights=answer.examples, minlength=count).astype(np.float64)
        shown = () if weights is None else tuple(float(weight) for weight in weights)
        spent = self.spent if answer.spent is None else tuple(tuple(line) for line in answer.spent.tolist())
        return Record((*self.lines, (signals.step, shown, cosines(signals))), spent)

    def balancing(self, balancer: str, names: Sequence[str]) -> Balancing:
        """Gives what a trial keeps of it: at most 200 steps, evenly spread, the first and the last among them."""
        chosen = np.unique(np.linspace(0, len(self.lines) - 1, min(len(self.lines), MOST_STEPS)).round().astype(int))
        lines = [self.lines[place] for place in chosen]
        weights = {name: tuple(line[1][place] for line in lines if line[1]) for place, name in enumerate(names)}
        privacy = {name: (line[0], line[1]) for name, line in zip(names, self.spent, strict=False)}
        steps, cosines = tuple(line[0] for line in lines), tuple(line[2] for line in lines)
        return Balancing(balancer, steps, weights, cosines, privacy)


def cosines(signals: Signals) -> tuple[float | None, ...]:
    """Gives the cosine of the gradients of each pair of tasks, [pair]; None where the batch lacks one of them.

    Pairs are in the order of `itertools.combinations`. Without gradients there are none.
    """
    if signals.gradients is None:
        return ()
    unit = torch.nn.functional.normalize(signals.gradients, dim=1)
    cosine = (unit @ unit.T).double().cpu().numpy()
    row = {int(task): place for place, task in enumerate(np.flatnonzero(signals.present))}
    pairs = combinations(range(len(signals.tasks.names)), 2)
    return tuple(float(cosine[row[a], row[b]]) if a in row and b in row else None for a, b in pairs)
