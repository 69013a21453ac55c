"""Ax, asked and told through its own client."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig
from ax.exceptions.core import SearchSpaceExhausted
from ax.utils.common.logger import set_ax_logger_levels

from benchmarks.peers.asking import flags, from_flags, propose
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.history import mean_values
from cotune.trial import Proposal, Request, Trial


def ax_client(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Proposes what Ax suggests with its defaults: the centre, five quasi-random trials, then BoTorch.

    It may suggest what was run before: it is then asked again, at last a random untried mixture takes the place. It
    takes seconds a proposal, and minutes once hardly anything is left to propose.
    Sources: Bakshy et al. (2018), AE: A Domain-Agnostic Platform for Adaptive Experimentation.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dozens a call, of its own use of its own options
        return propose(_ask(problem, finished, pending, rng), problem, finished, pending, rng, count)


def _ask(
    problem: Problem, finished: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator
) -> Iterator[Mixture]:
    set_ax_logger_levels(logging.ERROR)
    seed = int(rng.integers(2**31))
    client = Client(random_seed=seed)
    client.configure_experiment(
        [ChoiceParameterConfig(name, values=[False, True], parameter_type="bool") for name in problem.free]
    )
    client.configure_optimization("score")
    client.configure_generation_strategy(initialization_random_seed=seed)
    for mixture, value in mean_values(problem, finished).items():
        client.complete_trial(client.attach_trial(flags(problem, mixture)), {"score": value})
    for request in pending:
        client.attach_trial(flags(problem, request.mixture))
    with suppress(SearchSpaceExhausted):
        while True:
            for suggested in client.get_next_trials(1).values():
                yield from_flags(problem, {name: bool(inside) for name, inside in suggested.items()})
