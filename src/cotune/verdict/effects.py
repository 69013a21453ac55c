"""Effects: what each dataset does to the objective when it is added, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.trial import Trial
from cotune.verdict.winner import fit_groups, trained

Label = Literal["helps", "hurts", "unclear"]


@dataclass(frozen=True)
class Effect:
    """How much the objective changes when a dataset joins an average mixture; scores in [0, 1].

    It helps where the whole interval lies above 0, hurts where it lies below, and is unclear otherwise. `measured` is
    the mean difference over the `pairs` of tried mixtures that differ in this dataset alone, None if there are none.
    """

    name: str
    mean: float
    low: float
    high: float
    label: Label
    measured: float | None = None
    pairs: int = 0


def effects(problem: Problem, trials: Iterable[Trial], *, level: float = 0.95) -> list[Effect]:
    """Gives the effect of each dataset that may be left out, best first.

    Effects and intervals come from the additive model of `fit_additive` over all comparable trials: a dataset's own
    effect plus that of a set one larger. Trials that failed, ran on a part of the budget, or lack a score are left
    out, as is the base model. There are none before two mixtures are scored.

    >>> from cotune import Mixture, Request, Task, TaskResult
    >>> scores = {"a": 0.5, "ab": 0.6, "ac": 0.4, "abc": 0.5}
    >>> runs = [Trial(Request(Mixture.of(names)), {"a": TaskResult(score)}) for names, score in scores.items()]
    >>> [effect.name for effect in effects(Problem([Task(name) for name in "abc"], ["a"]), runs)]
    ['b', 'c']
    """
    groups = trained(problem, trials)
    if len(groups) < 2:
        return []
    fit = fit_groups(problem, groups)
    parts = problem.encode(groups)  # [mixture, task]
    means = [fmean(problem.value(trial) for trial in runs) for runs in groups.values()]
    reach = NormalDist().inv_cdf((1 + level) / 2)
    found = []
    for column, name in enumerate(problem.names):
        if name in problem.free:
            mean, half = float(fit.effects[column]), reach * float(fit.effects_sd[column])
            gaps = _gaps(parts, means, column)
            measured = fmean(gaps) if gaps else None
            label: Label = "helps" if mean > half else "hurts" if mean < -half else "unclear"
            found.append(Effect(name, mean, mean - half, mean + half, label, measured, len(gaps)))
    return sorted(found, key=lambda effect: (-effect.mean, effect.name))


def _gaps(parts: NDArray[np.float64], means: Sequence[float], column: int) -> list[float]:
    """Gives mean objectives with a dataset minus without it, for mixtures `parts` that differ in it alone."""
    lookup = {row.tobytes(): mean for row, mean in zip(parts, means, strict=True)}
    rest = parts.copy()
    rest[:, column] = 0
    pairs = zip(parts[:, column], rest, means, strict=True)
    return [mean - lookup[row.tobytes()] for held, row, mean in pairs if held and row.tobytes() in lookup]
