"""Effects: what each dataset does to the objective when it is added or gets a larger part, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isnan
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
    """How much the objective changes when a dataset joins an average mixture, or gets a full part; scores in [0, 1].

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
    found = []
    for column, name in enumerate(problem.names):
        if name in problem.free:
            gaps = _gaps(parts, means, column)
            measured = fmean(gaps) if gaps else None
            whole = _effect(name, float(fit.effects[column]), float(fit.effects_sd[column]), level)
            found.append(replace(whole, measured=measured, pairs=len(gaps)))
    return sorted(found, key=lambda effect: (-effect.mean, effect.name))


def part_effects(problem: Problem, trials: Iterable[Trial], *, level: float = 0.95) -> list[Effect]:
    """Gives the effect of as many parts as any other dataset has, against the fewest tried, best first.

    From the same model and trials as `effects`, beside other datasets in full parts. Only datasets that were tried with
    fewer parts than another one have this effect: none with `levels=1`.
    """
    groups = trained(problem, trials)
    if len(groups) < 2:
        return []
    fit = fit_groups(problem, groups)
    lines = zip(problem.names, fit.more.tolist(), fit.more_sd.tolist(), strict=True)
    found = [_effect(name, mean, sd, level) for name, mean, sd in lines if not isnan(mean)]
    return sorted(found, key=lambda effect: (-effect.mean, effect.name))


def _effect(name: str, mean: float, sd: float, level: float) -> Effect:
    half = NormalDist().inv_cdf((1 + level) / 2) * sd
    label: Label = "helps" if mean > half else "hurts" if mean < -half else "unclear"
    return Effect(name, mean, mean - half, mean + half, label)


def _gaps(parts: NDArray[np.float64], means: Sequence[float], column: int) -> list[float]:
    """Gives mean objectives with a dataset minus without it, for mixtures `parts` that differ in it alone."""
    lookup = {row.tobytes(): mean for row, mean in zip(parts, means, strict=True)}
    rest = parts.astype(np.int64)
    rest[:, column] = 0
    rest = (rest // np.maximum(np.gcd.reduce(rest, axis=1, keepdims=True), 1)).astype(float)  # in lowest terms again
    pairs = zip(parts[:, column], rest, means, strict=True)
    return [mean - lookup[row.tobytes()] for held, row, mean in pairs if held and row.tobytes() in lookup]
