"""Noise of a study: how far the same mixture scores from itself with another seed or with other dev examples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.tally import tally_arrays
from cotune.trial import ExampleResults, TaskResult, Trial


@dataclass(frozen=True)
class SeedNoise:
    """Variance of the objective between seeds, pooled over repeated mixtures, with its degrees of freedom."""

    variance: float = 0.0
    freedom: int = 0

    @property
    def sd(self) -> float | None:
        """Standard deviation between seeds, in units of the score; None if nothing was repeated."""
        return sqrt(self.variance) if self.freedom else None


def scored(problem: Problem, trials: Iterable[Trial]) -> list[Trial]:
    """Gives the trials that can be compared: finished, full budget, datasets of the pool, scored on all that counts."""
    pool = set(problem.names)
    finished = [trial for trial in trials if trial.is_full]
    return [trial for trial in finished if pool.issuperset(trial.request.mixture.names) and _has_all(problem, trial)]


def by_mixture(trials: Iterable[Trial]) -> dict[Mixture, list[Trial]]:
    """Gives the trials of each mixture in order of seed, one for each seed, mixtures in order of first appearance."""
    groups: dict[Mixture, dict[int, Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.request.mixture, {}).setdefault(trial.request.seed, trial)
    return {mixture: [seeds[seed] for seed in sorted(seeds)] for mixture, seeds in groups.items()}


def seed_noise(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> SeedNoise:
    """Gives the pooled variance of the objective between seeds of the same mixture; the base model has no seeds."""
    squares, freedom = 0.0, 0
    for mixture, trials in groups.items():
        if len(mixture) and len(trials) > 1:
            values = np.array([problem.value(trial) for trial in trials])  # [trial]
            squares += float(((values - values.mean()) ** 2).sum())
            freedom += len(trials) - 1
    return SeedNoise(squares / freedom, freedom) if freedom else SeedNoise()


def example_noise(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> NDArray[np.float64]:
    """Gives each mixture's variance against the mean of all mixtures that stems from the choice of dev examples.

    What all mixtures find equally hard cancels, as in a paired comparison; the rest is the squared sum of the
    examples' linear influences (of the worst target, where that is the objective). Shape [mixture]; 0 where
    per-example results are missing or differ in examples.
    """
    variance = np.zeros(len(groups))  # [mixture]
    weights = _weights(problem, groups)  # [mixture, target]
    for column, target in enumerate(problem.targets):
        results = [[trial.results[target] for trial in trials] for trials in groups.values()]
        ids = {result.examples.ids for row in results for result in row}
        if len(ids) != 1 or not all(_has_tallies(result) for row in results for result in row):
            continue
        shares = np.array([np.mean([influence(result.examples) for result in row], axis=0) for row in results])
        shares *= weights[:, column, None]
        shares -= shares.mean(axis=0)  # [mixture, example]
        variance += (shares**2).sum(axis=1)
    return variance


def _weights(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> NDArray[np.float64]:
    """Gives how the objective of each mixture moves with each target's score, [mixture, target]."""
    if problem.objective != "worst":
        return np.tile(list(problem.weights.values()), (len(groups), 1))
    found = []
    for runs in groups.values():
        gaps = [
            [(run.results[t].score or 0.0) - problem.reference.get(t, 0.0) for t in problem.targets] for run in runs
        ]
        worst = np.argmin(gaps, axis=1)  # [trial]
        found.append(np.bincount(worst, minlength=len(problem.targets)) / len(runs))
    return np.array(found).reshape(len(groups), -1)


def influence(examples: ExampleResults) -> NDArray[np.float64]:
    """Gives how far each example moves the score to first order, [example]; they sum to 0."""
    numerators, denominators = tally_arrays(examples.tallies)  # [example, group]
    totals = denominators.sum(axis=0)  # [group]
    present = totals > 0
    numerators, denominators, totals = numerators[:, present], denominators[:, present], totals[present]
    ratios = numerators.sum(axis=0) / totals  # [group]
    moves: NDArray[np.float64] = ((numerators - ratios * denominators) / totals).sum(axis=1) / max(len(totals), 1)
    return moves


def _has_all(problem: Problem, trial: Trial) -> bool:
    scores = [trial.results[name].score for name in problem.measured if name in trial.results]
    return len(scores) == len(problem.measured) and all(score is not None and isfinite(score) for score in scores)


def _has_tallies(result: TaskResult) -> bool:
    return 1 < len(result.examples.ids) == len(result.examples.tallies)
