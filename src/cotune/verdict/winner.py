"""The winner: the mixture with the best posterior mean, which is rarely the luckiest observation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Trial
from cotune.verdict.additive import Fit, fit_additive
from cotune.verdict.floors import ROUNDING, floors
from cotune.verdict.noise import by_mixture, example_noise, scored, seed_noise

USUAL = 0.1
"""Variance between seeds that is expected before any is measured, in units of that between mixtures."""


def choose(problem: Problem, trials: Iterable[Trial]) -> Mixture:
    """Gives the trained mixture whose objective has the highest posterior mean; a tie goes to fewer datasets.

    Where datasets are to be kept, only mixtures count that do so by posterior mean; if none does, the nearest is given.
    Each mixture's mean over its seeds is drawn towards the additive model of `fit_additive`, the more so the noisier
    it is. Its noise variance is the larger of (pooled variance between seeds) / (its seeds) and the paired variance
    over dev examples; the two overlap, since an example that flips with the seed counts in both. Without noise (a
    lookup table) this is the best observed mixture. Cheaper fidelities, failures and the base model are left out.

    Raises:
        ValueError: no trial of a mixture finished with a score for every target and every dataset to keep, or the base
            model has no score on one of the latter.
    """
    order = rank(problem, list(trials))
    if not order:
        raise ValueError("No finished trial has a score for every target, so there is no winner yet; run more trials.")
    return order[0]


def rank(problem: Problem, trials: Sequence[Trial]) -> list[Mixture]:
    """Gives the trained mixtures as `choose` prefers them: those that are allowed, then the others by how near."""
    values, spare = posterior_means(problem, trials), slack(problem, trials)
    return sorted(values, key=lambda mixture: (max(-spare[mixture], 0.0), -values[mixture], len(mixture), mixture))


def slack(problem: Problem, trials: Sequence[Trial]) -> dict[Mixture, float]:
    """Gives by how much each trained mixture stays above its nearest floor by posterior mean; negative is forbidden.

    It is infinite where nothing is to be kept. Each dataset to keep has a fit of its own, as the objective has.

    Raises:
        ValueError: the base model has no score on a dataset to keep.
    """
    groups = trained(problem, trials)
    spare = dict.fromkeys(groups, float("inf"))
    for name, floor in (floors(problem, trials) if groups else {}).items():
        values = fit_groups(problem.alone(name), groups).values  # [mixture]
        gaps = np.where(np.abs(values - floor) < ROUNDING, 0.0, values - floor).tolist()
        spare = {mixture: min(spare[mixture], gap) for mixture, gap in zip(groups, gaps, strict=True)}
    return spare


def posterior_means(problem: Problem, trials: Iterable[Trial]) -> dict[Mixture, float]:
    """Gives the posterior mean objective of every trained mixture, as `choose` ranks them."""
    groups = trained(problem, trials)
    if not groups:
        return {}
    return dict(zip(groups, fit_groups(problem, groups).values.tolist(), strict=True))


def trained(problem: Problem, trials: Iterable[Trial]) -> dict[Mixture, list[Trial]]:
    """Gives the comparable trials of each mixture, without the base model."""
    groups = by_mixture(scored(problem, trials))
    return {mixture: runs for mixture, runs in groups.items() if len(mixture)}


def fit_groups(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> Fit:
    """Fits the additive model to the mean objective of each mixture; `groups` is not empty."""
    means = np.array([np.mean([problem.value(trial) for trial in runs]) for runs in groups.values()])  # [mixture]
    return fit_additive(problem.encode(groups), means, _noise(problem, groups))


@dataclass(frozen=True)
class Posterior:
    """What is believed of the objective of mixtures: mean and sd, and the variance of the mean of their trials.

    All are [mixture], in the order of the groups; `after_another` is that variance with one more seed for each, and
    `seed_sd` the standard deviation between seeds, 0 where nothing was repeated.
    """

    means: NDArray[np.float64]
    sd: NDArray[np.float64]
    noise: NDArray[np.float64]
    after_another: NDArray[np.float64]
    seed_sd: float


def posterior(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> Posterior:
    """Gives what is believed of the mixtures of `groups`, as `choose` ranks them; `groups` is not empty."""
    fit = fit_groups(problem, groups)
    noise, another = _noise(problem, groups), _noise(problem, groups, more=1)
    return Posterior(fit.values, fit.values_sd, noise, another, float(np.sqrt(_between_seeds(problem, groups))))


def _noise(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]], more: int = 0) -> NDArray[np.float64]:
    counts = np.array([len(runs) + more for runs in groups.values()])  # [mixture]
    return np.maximum(_between_seeds(problem, groups) / counts, example_noise(problem, groups))


def _between_seeds(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> float:
    """Gives the variance of the objective between seeds, drawn towards a share of that between mixtures.

    Two anchors run twice leave two degrees of freedom, with which one estimate in five is less than a quarter of the
    truth; one more degree with `USUAL` guards against that. Seeds that make no difference at all are believed.
    """
    measured = seed_noise(problem, groups)
    if measured.variance == 0:
        return 0.0
    means = [np.mean([problem.value(trial) for trial in runs]) for runs in groups.values()]
    total = measured.variance * measured.freedom + USUAL * float(np.var(means))
    return total / (measured.freedom + 1)
