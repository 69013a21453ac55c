"""Feasibility: how likely a mixture keeps the base model's score where it is to be kept."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cotune.problem import Problem

Array = NDArray[np.float64]


def feasibility(problem: Problem, predicted: Array, floors: Mapping[str, float]) -> Array:
    """Gives the probability [mixture] that no dataset to keep falls below its floor; 1 where nothing is to be kept.

    `predicted` are samples [sample, mixture, output] as `cotune.search.evidence.outcomes` orders outputs. Each score is
    taken as normal with the samples' mean and spread, and independent of the others given the trials (Gardner, Kusner,
    Xu, Weinberger and Cunningham, 2014, Bayesian Optimization with Inequality Constraints), so that predictions have to
    be right for each output alone, not jointly. A dataset that is not predicted counts as kept.
    """
    chance = np.ones(predicted.shape[1])
    for name, floor in floors.items():
        samples = predicted[:, :, problem.measured.index(name)]  # [sample, mixture]
        mean, sd = samples.mean(axis=0), samples.std(axis=0)  # [mixture]
        gap = mean - floor
        certain = np.where(gap >= 0, np.inf, -np.inf)
        z = np.divide(gap, sd, out=certain, where=sd > 0)  # [mixture]
        chance *= np.where(np.isfinite(mean), ndtr(z), 1.0)
    return chance
