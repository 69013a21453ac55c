"""Optuna's samplers, asked and told through its own studies."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import TrialState, create_trial

from benchmarks.peers.asking import flags, from_flags, propose
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.history import mean_values
from cotune.trial import Proposal, Request, Trial

FIRST_TPE, FIRST_GP = 6, 4
"""Random trials before a model is used. Both did better so than with Optuna's default of 10, on 18 landscapes."""


def optuna_tpe(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Proposes what the tree-structured Parzen estimator suggests: Bergstra et al. (2011), Watanabe (2023).

    Its defaults but for `FIRST_TPE` and the constant liar, which its documentation advises where trials run side by
    side. It suggests what was run before quite often: it is then asked again, and at last a random untried mixture
    takes the place.
    """
    sampler = TPESampler(n_startup_trials=FIRST_TPE, constant_liar=True, seed=int(rng.integers(2**32)))
    return propose(_ask(sampler, problem, finished, pending), problem, finished, pending, rng, count)


def optuna_gp(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Proposes what Optuna's Gaussian process suggests: Matern kernel on Hamming distances, log expected improvement.

    Its defaults but for `FIRST_GP`. What was run before is treated as for `optuna_tpe`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = GPSampler(n_startup_trials=FIRST_GP, seed=int(rng.integers(2**32)))
    return propose(_ask(sampler, problem, finished, pending), problem, finished, pending, rng, count)


def _ask(
    sampler: BaseSampler, problem: Problem, finished: Sequence[Trial], pending: Sequence[Request]
) -> Iterator[Mixture]:
    """Yields suggestions, each one made while the earlier ones are running."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, BaseDistribution] = {name: CategoricalDistribution((False, True)) for name in problem.free}
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for mixture, value in mean_values(problem, finished).items():
        study.add_trial(create_trial(params=flags(problem, mixture), distributions=space, value=value))
    for request in pending:
        params = flags(problem, request.mixture)
        study.add_trial(create_trial(params=params, distributions=space, state=TrialState.RUNNING))
    while True:
        yield from_flags(problem, study.ask(space).params)
