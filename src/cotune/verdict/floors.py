"""Floors: the least that a mixture may score on the datasets that the base model's score is to be kept on."""

from collections.abc import Iterable, Mapping

import numpy as np

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Trial
from cotune.verdict.noise import by_mixture, scored

ROUNDING = 1e-9
"""What a score may lack of its floor by rounding alone: 0.8 - 0.1 is more than 0.7."""


def floors(problem: Problem, trials: Iterable[Trial]) -> dict[str, float]:
    """Gives the base model's score less the margin for each dataset to keep; none where nothing is to be kept.

    Raises:
        ValueError: the base model has no score on one of them.
    """
    if not problem.keep:
        return {}
    base = _base(problem, trials)
    if base is None:
        raise ValueError(
            f"keep compares with the untrained base model, which has no score on {list(problem.keep)}; let the study "
            "score it first (base=True), by an evaluation that measures these datasets."
        )
    return {name: (base.results[name].score or 0.0) - margin for name, margin in problem.keep.items()}


def is_judgeable(problem: Problem, trials: Iterable[Trial]) -> bool:
    """Tells whether `floors` are known: nothing is to be kept, or the base model was scored."""
    return not problem.keep or _base(problem, trials) is not None


def keeps(trial: Trial, least: Mapping[str, float]) -> bool:
    """Tells whether one scored trial is at the `least` on each dataset to keep, or above."""
    return all((trial.results[name].score or 0.0) >= floor - ROUNDING for name, floor in least.items())


def _base(problem: Problem, trials: Iterable[Trial]) -> Trial | None:
    return next((trial for trial in scored(problem, trials) if not len(trial.request.mixture)), None)


def holding(problem: Problem, trials: Iterable[Trial], least: Mapping[str, float]) -> set[Mixture]:
    """Gives the mixtures whose mean score over seeds is at the `least` on each dataset to keep, or above."""
    found = set()
    for mixture, runs in by_mixture(scored(problem, trials)).items():
        means = {name: np.mean([run.results[name].score or 0.0 for run in runs]) for name in least}
        if all(means[name] >= floor - ROUNDING for name, floor in least.items()):
            found.add(mixture)
    return found
