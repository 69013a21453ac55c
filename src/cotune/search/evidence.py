"""What a predictor learns from: scores as arrays, targets first, then every other measurement of the same trials."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.trial import Trial


def outcomes(problem: Problem, trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Gives scores [trial, output] of usable trials: the targets', then what else all of them measured.

    That is the other tasks' scores, and every task's loss with its sign turned (each trial scores all tasks: free
    evidence on how the pool behaves).
    """
    columns = [_scores(trials, name) for name in problem.targets]
    others = [_scores(trials, name) for name in problem.names if name not in problem.weights]
    others += [_losses(trials, name) for name in problem.names]
    return np.array(columns + [column for column in others if np.isfinite(column).all()]).T


def objective(problem: Problem, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the weighted mean [sample, mixture] of the targets in predictions [sample, mixture, output]."""
    weights = np.array(list(problem.weights.values()))  # [target]
    return np.asarray(predicted[:, :, : len(weights)] @ weights)


def _scores(trials: Iterable[Trial], name: str) -> NDArray[np.float64]:
    found = [trial.results[name].score if name in trial.results else None for trial in trials]
    return np.array(found, dtype=float)  # None becomes nan


def _losses(trials: Iterable[Trial], name: str) -> NDArray[np.float64]:
    found = [trial.results[name].loss if name in trial.results else None for trial in trials]
    return -np.array(found, dtype=float)
