"""Composite scores: several tasks' scores as one number, in the ways that people compare mixtures."""

from collections.abc import Mapping
from math import fsum
from typing import Literal

Scores = Mapping[str, float | None]
"""Score in [0, 1] by task name; None or absent where a task was not measured."""

Missing = Literal["refuse", "skip", "zero"]


def weighted_mean(scores: Scores, weights: Mapping[str, float] | None = None, *, missing: Missing = "refuse") -> float:
    """Gives the mean score, weighted by importance; equal weights by default.

    A task without a score is refused, skipped (the others' weights are scaled up) or counted as 0.

    >>> weighted_mean({"a": 0.5, "b": 1.0}, {"a": 3, "b": 1})
    0.625

    Raises:
        ValueError: a task with a weight has no score, or weights are negative or sum to 0.
    """
    chosen = dict.fromkeys(scores, 1.0) if weights is None else dict(weights)
    if any(not weight >= 0 for weight in chosen.values()):
        raise ValueError(f"Weights are >= 0; got {chosen}.")
    known = _known({name: scores.get(name) for name in chosen}, missing)
    total = fsum(chosen[name] for name in known)
    if total == 0:
        raise ValueError(f"No scored task has a weight above 0; scored: {sorted(known)}, weights: {chosen}.")
    return fsum(chosen[name] * score for name, score in known.items()) / total


def normalised(scores: Scores, singles: Scores, *, missing: Missing = "refuse") -> dict[str, float]:
    """Gives each task's score as a multiple of what training on that task alone scored (1 = as good).

    Tasks whose single-task score is 0 or not measured have no ratio and are left out.
    """
    bases = {name: score for name, score in singles.items() if score}
    known = _known({name: scores.get(name) for name in bases}, missing)
    return {name: score / bases[name] for name, score in known.items()}


def delta_percent(scores: Scores, singles: Scores, *, missing: Missing = "refuse") -> float:
    """Gives the mean relative change against single-task training, in per cent.

    Source: Maninis et al., 2019, Attentive Single-Tasking of Multiple Tasks, equation 4, all higher-better.

    Raises:
        ValueError: no task has both scores.
    """
    ratios = normalised(scores, singles, missing=missing)
    if not ratios:
        raise ValueError("No task has both a score and a single-task score above 0 to compare with.")
    return 100 * (fsum(ratios.values()) / len(ratios) - 1)


def worst_task(scores: Scores, *, missing: Missing = "refuse") -> tuple[str, float]:
    """Gives the task with the lowest score, and that score.

    Raises:
        ValueError: no task has a score, or one lacks it and `missing` is "refuse".
    """
    known = _known(scores, missing)
    if not known:
        raise ValueError("No task has a score.")
    name = min(known, key=lambda task: (known[task], task))
    return name, known[name]


def mean_ranks(table: Mapping[str, Scores]) -> dict[str, float]:
    """Gives each row's rank averaged over tasks (1 = best; ties share the mean rank).

    A task counts only if every row has its score, since ranks among different rows do not compare.

    >>> mean_ranks({"x": {"a": 0.9, "b": 0.2}, "y": {"a": 0.5, "b": 0.2}})
    {'x': 1.25, 'y': 1.75}

    Raises:
        ValueError: there is no task that every row has a score for.
    """
    names = [
        name for name in next(iter(table.values()), {}) if all(row.get(name) is not None for row in table.values())
    ]
    if not names:
        raise ValueError(f"No task is scored in every row; rows: {list(table)}.")
    totals = dict.fromkeys(table, 0.0)
    for name in names:
        column = {label: row[name] or 0.0 for label, row in table.items()}
        for label, score in column.items():
            above = sum(other > score for other in column.values())
            ties = sum(other == score for other in column.values())
            totals[label] += above + (ties + 1) / 2
    return {label: total / len(names) for label, total in totals.items()}


def _known(scores: Scores, missing: Missing) -> dict[str, float]:
    absent = sorted(name for name, score in scores.items() if score is None)
    if absent and missing == "refuse":
        raise ValueError(f"Tasks without a score: {absent}; score them, or say missing='skip' or 'zero'.")
    if missing == "zero":
        return {name: score or 0.0 for name, score in scores.items()}
    return {name: score for name, score in scores.items() if score is not None}
