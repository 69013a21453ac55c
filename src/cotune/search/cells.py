"""What the predictor that was trained beforehand sees: one cell for each run and dataset."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CELL = 12
"""How many numbers a cell holds."""
BOUND = 4.0
"""Standardised numbers are cut off here."""
TINY = 1e-12


def scale(values: Array) -> tuple[Array, Array]:
    """Gives the centre and spread [problem] of known `values` [problem, run]; the spread is 1 where all are equal."""
    spread = values.std(axis=1)
    return values.mean(axis=1), np.where(spread > TINY, spread, 1.0)


def cells(parts: Array, scores: Array, values: Array, targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """Gives cells [problem, run, task, feature] of known runs and of runs asked about.

    Each holds the dataset's part and share in the run, the run's effective size, what the run scored on the dataset
    and on the target where that is known, both standardised, and flags. Nothing depends on the order of runs or
    datasets, nor on the unit of scores.

    Args:
        parts: [problem, run, task], the known runs first.
        scores: [problem, known run, task] on each dataset; nan where it was not measured. The target's column holds
            other evidence than `values`, such as its loss.
        values: [problem, known run], what is to be predicted.
        targets: [problem], the target's place among the datasets.
    """
    problems, runs, tasks = parts.shape
    known = values.shape[1]
    centre, spread = scale(values)
    relative, own, scatter, measured = _compared(scores)
    share = parts / parts.sum(axis=2, keepdims=True)  # [problem, run, task]
    size = 1 / (share**2).sum(axis=2, keepdims=True)  # [problem, run, 1]
    out = np.zeros((problems, runs, tasks, CELL), dtype=np.float32)
    out[..., 0] = parts / parts.max(axis=2, keepdims=True)
    out[..., 1] = 2 * share
    out[..., 2] = np.log(size) / 2
    out[..., 3] = 2 / size - 1
    out[:, :known, :, 4] = own
    out[:, :known, :, 5] = measured
    out[:, :known, :, 6] = ((values - centre[:, None]) / spread[:, None]).clip(-BOUND, BOUND)[:, :, None]
    out[:, :known, :, 7] = relative
    out[..., 8] = scatter
    out[np.arange(problems), :, targets, 9] = 1
    out[:, known:, :, 10] = 1
    out[..., 11] = np.log(known) / 2 - 1
    return out


def _compared(scores: Array) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Gives scores against the other runs' and against the other tasks', each task's scatter, and what was measured.

    The first two are [problem, run, task], 0 where nothing was measured; scatter is [problem, 1, task], the logarithm
    of a task's standard deviation in units of the mean one.
    """
    measured = np.isfinite(scores)
    count = np.maximum(measured.sum(axis=1, keepdims=True), 1)  # [problem, 1, task]
    filled = np.where(measured, scores, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / count
    away = np.where(measured, scores - mean, 0.0)  # [problem, run, task]
    spread = np.sqrt((away**2).sum(axis=1, keepdims=True) / count)  # [problem, 1, task]
    varied = spread > TINY
    tasks = np.maximum(varied.sum(axis=2, keepdims=True), 1)
    typical = np.maximum((spread * varied).sum(axis=2, keepdims=True) / tasks, TINY)  # [problem, 1, 1]
    seen = measured.any(axis=1, keepdims=True)  # [problem, 1, task]
    general = mean.sum(axis=2, keepdims=True) / np.maximum(seen.sum(axis=2, keepdims=True), 1)
    own = (away / np.where(varied, spread, 1.0)).clip(-BOUND, BOUND)
    relative = (np.where(measured, scores - general, 0.0) / typical / 3).clip(-BOUND, BOUND)
    scatter = np.where(varied, np.log(np.where(varied, spread, 1.0) / typical), 0.0).clip(-BOUND, BOUND)
    return relative, own, scatter, measured
