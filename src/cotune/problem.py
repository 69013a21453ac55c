"""The problem: which mixtures may be tried, and what counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import gcd, isfinite
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.task import Task
from cotune.trial import Trial

Objective: TypeAlias = Literal["mean", "worst", "pareto"]
"""What counts of several targets: their weighted mean, the least of them, or the front that they can reach together."""

MOST_LEVELS = 9
MOST_FRONT = 4
"""A front over more targets is no guide, since of a few mixtures hardly one is worse than another on all of them."""

_MOEBIUS = (0, 1, -1, -1, 0, -1, 1, -1, 0, 0)
"""The Moebius function of 0 to `MOST_LEVELS` (0 stands for itself)."""


@dataclass(frozen=True, init=False)
class Problem:
    """The pool of tasks, the targets and what counts of them, what must be in and kept, and the parts to try.

    The objective is the weighted mean of the targets' scores; with `objective="worst"` the least of them, each counted
    from its `reference` (0 unless given); with "pareto" the search widens the targets' Pareto front, from which the
    weighted mean chooses. `keep` names datasets, targets or not, on which the winner may score at most a margin below
    the untrained base model. With `levels=1` (the default) the possible mixtures are the combinations that hold every
    required task; with `levels=k` each task has 0 to k parts.

    >>> Problem([Task("a"), Task("b"), Task("c")], targets=["a"]).count()
    4
    """

    tasks: tuple[Task, ...]
    weights: Mapping[str, float]
    required: tuple[str, ...]
    levels: int
    objective: Objective
    reference: Mapping[str, float]
    keep: Mapping[str, float]

    def __init__(
        self,
        tasks: Iterable[Task],
        targets: Sequence[str] | Mapping[str, float],
        *,
        required: Sequence[str] | None = None,
        levels: int = 1,
        objective: Objective = "mean",
        reference: Mapping[str, float] | None = None,
        keep: Mapping[str, float] | None = None,
    ) -> None:
        """Makes a problem; `required` defaults to the targets.

        Raises:
            ValueError: duplicate or unknown task names, no target, weights that are not positive, levels not in 1..9,
                an unknown objective, a front of 1 or more than 4 targets, a reference of no target, a negative margin.
        """
        pool = tuple(tasks)
        names = [task.name for task in pool]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"Dataset names are unique in a pool; repeated: {repeated}. Rename one of each.")
        raw = dict(targets) if isinstance(targets, Mapping) else dict.fromkeys(targets, 1.0)
        if not raw:
            raise ValueError(f"A problem has at least one target; name one or more of {names}.")
        must = tuple(sorted(raw)) if required is None else tuple(sorted(set(required)))
        check_names([*raw, *must], names)
        if any(not weight > 0 or weight == float("inf") for weight in raw.values()):
            raise ValueError(f"Target weights are positive numbers; got {raw}.")
        if not 1 <= levels <= MOST_LEVELS:
            raise ValueError(f"Levels of parts are whole numbers from 1 to {MOST_LEVELS}; got {levels}.")
        _check_objective(objective, list(raw), reference or {})
        _check_keep(keep or {}, names)
        total = sum(raw.values())
        object.__setattr__(self, "tasks", pool)
        object.__setattr__(self, "weights", {name: weight / total for name, weight in raw.items()})
        object.__setattr__(self, "required", must)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "objective", objective)
        object.__setattr__(self, "reference", dict(reference or {}))
        object.__setattr__(self, "keep", dict(keep or {}))

    @property
    def names(self) -> tuple[str, ...]:
        """Task names in the order of the pool; the columns of `encode`."""
        return tuple(task.name for task in self.tasks)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self.weights)

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the targets, then of the other datasets to keep: what every trial must score."""
        return tuple(dict.fromkeys([*self.weights, *self.keep]))

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the tasks that may be left out."""
        return tuple(name for name in self.names if name not in self.required)

    @property
    def target_only(self) -> Mixture:
        """The anchor that trains on what must be in and nothing else (the targets, if nothing must)."""
        return Mixture.of(self.required or self.targets)

    @property
    def everything(self) -> Mixture:
        """The anchor that trains on all tasks in equal parts."""
        return Mixture.of(self.names)

    def count(self) -> int:
        """Gives how many different mixtures are possible.

        In lowest terms no divisor is common to all parts: inclusion and exclusion over the divisors that could be.
        """
        return sum(_MOEBIUS[divisor] * self._multiples(divisor) for divisor in range(1, self.levels + 1))

    def mixtures(self) -> Iterator[Mixture]:
        """Yields every possible mixture once; exponential in the number of tasks."""
        ranges = [range(1 if name in self.required else 0, self.levels + 1) for name in self.names]
        for counts in product(*ranges):
            if gcd(*counts) == 1:
                yield Mixture.of(dict(zip(self.names, counts, strict=True)))

    def _multiples(self, divisor: int) -> int:
        """Gives how many assignments of parts, not all of them 0, are multiples of `divisor`."""
        most = self.levels // divisor
        return int((most + 1) ** len(self.free) * most ** len(self.required)) - (not self.required)

    def is_possible(self, mixture: Mixture) -> bool:
        """Tells whether a search may propose `mixture`."""
        known = set(mixture.names) <= set(self.names)
        fits = all(count <= self.levels for _, count in mixture.parts)
        return bool(len(mixture)) and known and fits and all(name in mixture for name in self.required)

    def encode(self, mixtures: Iterable[Mixture]) -> NDArray[np.float64]:
        """Gives the parts of each mixture as an array [mixture, task]."""
        lookup, names = [mixture.to_json() for mixture in mixtures], self.names
        parts = [[known.get(name, 0) for name in names] for known in lookup]
        return np.array(parts, dtype=float).reshape(-1, len(names))

    def alone(self, name: str) -> "Problem":
        """Gives the same space with the score of one task, target or not, as the objective."""
        return Problem(self.tasks, [name], required=self.required, levels=self.levels)

    def value(self, trial: Trial) -> float:
        """Gives the objective of a finished trial; of a front, the weighted mean.

        Raises:
            ValueError: the trial failed or lacks a target's score.
        """
        scores = []
        for name in self.weights:
            score = trial.results[name].score if name in trial.results else None
            if score is None:
                why = trial.error or "not measured"
                raise ValueError(f"The trial of {trial.request.mixture} has no score for target {name!r} ({why}).")
            scores.append(score)
        return float(self.combine(np.array(scores)))

    def combine(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gives the objective [...] of the targets' scores [..., target]."""
        if self.objective == "worst":
            origin = np.array([self.reference.get(name, 0.0) for name in self.weights])  # [target]
            return np.asarray((scores - origin).min(axis=-1))
        total = np.zeros(scores.shape[:-1])
        for column, weight in enumerate(self.weights.values()):
            total = total + weight * scores[..., column]
        return total


def check_names(names: Iterable[str], known: Sequence[str], where: str = "") -> None:
    """Checks that every name is known; `where` says which key has them.

    Raises:
        ValueError: names the unknown ones, the pool, and the nearest known name.
    """
    unknown = sorted({name for name in names if name not in known})
    if not unknown:
        return
    near = get_close_matches(unknown[0], known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    place = f" in {where}" if where else ""
    raise ValueError(f"Unknown datasets {unknown}{place}; the pool has {list(known)}.{hint}")


def _check_objective(objective: str, targets: Sequence[str], reference: Mapping[str, float]) -> None:
    if objective not in get_args(Objective):
        raise ValueError(f"An objective is one of {', '.join(get_args(Objective))}; got {objective!r}.")
    if objective == "pareto" and not 2 <= len(targets) <= MOST_FRONT:
        raise ValueError(
            f"A Pareto front is of 2 to {MOST_FRONT} targets; got {len(targets)}: {targets}. Use objective mean."
        )
    strange = sorted(set(reference) - set(targets))
    if strange:
        raise ValueError(f"A reference is the score of a target; {strange} are none, the targets are {targets}.")
    if not all(isfinite(score) for score in reference.values()):
        raise ValueError(f"References are finite scores; got {dict(reference)}.")


def _check_keep(keep: Mapping[str, float], names: Sequence[str]) -> None:
    check_names(keep, names)
    if not all(isfinite(margin) and margin >= 0 for margin in keep.values()):
        raise ValueError(f"keep says how far a score may fall below the base model's, each >= 0; got {dict(keep)}.")
