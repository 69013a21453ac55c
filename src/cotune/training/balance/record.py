"""The record of what a balancer did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from cotune.training.balance.contract import Answer, Signals
from cotune.trial import Balancing

MOST_STEPS = 200
Cosines = tuple[float | None, ...]
"""[pair]; None where a batch lacks one of the two."""


@dataclass(frozen=True)
class Record:
    """The weights [task] of each step so far, and cosines and validation losses [task] of those that had them."""

    lines: tuple[tuple[int, tuple[float, ...]], ...] = ()
    cosines: tuple[tuple[int, Cosines], ...] = ()
    spent: tuple[tuple[float, ...], ...] = ()
    looks: tuple[tuple[int, tuple[float, ...]], ...] = ()
    terms: Mapping[str, float] = field(default_factory=dict)

    def then(self, signals: Signals, answer: Answer) -> "Record":
        """Gives the record with one step more."""
        weights = answer.shares if answer.weights is None else answer.weights
        if answer.examples is not None:
            count = len(signals.tasks.names)
            weights = np.bincount(signals.owner, weights=answer.examples, minlength=count).astype(np.float64)
        shown = () if weights is None else tuple(float(weight) for weight in weights)
        spent = self.spent if answer.spent is None else tuple(tuple(line) for line in answer.spent.tolist())
        look = [] if signals.validation is None else [(signals.step, tuple(signals.validation.tolist()))]
        terms = answer.terms or self.terms
        return Record((*self.lines, (signals.step, shown)), self.cosines, spent, (*self.looks, *look), terms)

    def noting(self, step: int, found: Cosines) -> "Record":
        """Gives the record with the cosines of a step, which is then recorded too."""
        return replace(self, cosines=(*self.cosines, (step, found)))

    def balancing(self, balancer: str, names: Sequence[str]) -> Balancing:
        """Gives what a trial keeps of it: at most 200 steps, evenly spread, the first and the last among them.

        Where cosines were taken at some steps only, at most 200 of those come to them. Of validation losses the looks
        are kept, at most 200.
        """
        known = dict(self.cosines)
        everywhere = np.arange(len(self.lines))
        taken = np.array([place for place in everywhere if self.lines[place][0] in known], dtype=np.int64)
        lines = [self.lines[place] for place in np.union1d(_spread(everywhere), _spread(taken))]
        weights = {name: tuple(line[1][place] for line in lines if line[1]) for place, name in enumerate(names)}
        privacy = {name: (line[0], line[1]) for name, line in zip(names, self.spent, strict=False)}
        steps = tuple(step for step, _ in lines)
        looks = tuple(self.looks[place] for place in _spread(np.arange(len(self.looks))))
        seen = tuple(known.get(step, ()) for step in steps)
        return Balancing(balancer, steps, weights, seen, privacy, looks, self.terms)


def _spread(places: NDArray[np.int64]) -> NDArray[np.int64]:
    chosen = np.linspace(0, len(places) - 1, min(len(places), MOST_STEPS)).round().astype(int)
    return np.asarray(places[chosen])


def cosines(gradients: torch.Tensor, present: NDArray[np.bool_]) -> Cosines:
    """Gives the cosine of the gradients of each pair of tasks, [pair]; None where the batch lacks one of them.

    Gradients are [present task, parameter], `present` is [task]; pairs are in the order of `itertools.combinations`.
    """
    unit = torch.nn.functional.normalize(gradients, dim=1)
    cosine = (unit @ unit.T).double().cpu().numpy()
    row = {int(task): place for place, task in enumerate(np.flatnonzero(present))}
    pairs = combinations(range(len(present)), 2)
    return tuple(float(cosine[row[a], row[b]]) if a in row and b in row else None for a, b in pairs)
