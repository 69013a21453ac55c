"""What a predictor learns from: scores as arrays, targets first, then all that the same trials measured."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.search.front import independent
from cotune.trial import Trial


def outcomes(problem: Problem, trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Gives scores [trial, output] of usable trials: `problem.measured` ones, then every task's, then losses turned.

    The first are the targets' and those of the other datasets to keep. Each trial scores all tasks: free evidence on
    how the pool behaves. What a trial did not measure is nan, and so is in the second part what the first holds.
    """
    first = [_scores(trials, name) for name in problem.measured]
    gap = np.full(len(trials), np.nan)
    others = [gap if name in problem.measured else _scores(trials, name) for name in problem.names]
    return np.array(first + others + [_losses(trials, name) for name in problem.names]).T


def objective(problem: Problem, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives samples of the objective [sample, mixture] from predictions [sample, mixture, output].

    The least of several targets is taken of samples that vary independently, so there are more of them.
    """
    if problem.objective == "worst":
        return problem.combine(independent(predicted[:, :, : len(problem.targets)]))
    weights = np.array(list(problem.weights.values()))  # [target]
    return np.asarray(predicted[:, :, : len(weights)] @ weights)


def _scores(trials: Iterable[Trial], name: str) -> NDArray[np.float64]:
    found = [trial.results[name].score if name in trial.results else None for trial in trials]
    return np.array(found, dtype=float)  # None becomes nan


def _losses(trials: Iterable[Trial], name: str) -> NDArray[np.float64]:
    found = [trial.results[name].loss if name in trial.results else None for trial in trials]
    return -np.array(found, dtype=float)
