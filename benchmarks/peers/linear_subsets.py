"""A linear surrogate fitted once to random subsets, then thresholds of its coefficients."""

from collections.abc import Sequence

import numpy as np

from benchmarks.peers.asking import random_start
from benchmarks.peers.surrogate import Array, untried
from cotune.problem import Problem
from cotune.search import Sampler
from cotune.search.candidates import to_mixture
from cotune.search.history import mean_values
from cotune.trial import Proposal, Request, Trial

PENALTY = 1e-3


def linear_subsets(budget: int) -> Sampler:
    """Gives a sampler that runs random subsets for half of its budget, and what a line through them says for the rest.

    Li, Nguyen and Zhang (2023), Identification of Negative Transfers in Multitask Learning Using Surrogate Models
    (arXiv 2303.14582): relevance scores are the coefficients of a linear regression on inclusion, and the choice is
    every task beyond a threshold, picked by trying a few. The subsets nested by the scores are run first, the best
    predicted one before the others, then the best predicted of all the rest. Different here: subsets are of any size,
    and a tiny ridge stands in where there are fewer of them than tasks.
    """

    def propose(
        problem: Problem,
        finished: Sequence[Trial],
        pending: Sequence[Request],
        rng: np.random.Generator,
        count: int,
    ) -> list[Proposal]:
        start = random_start(budget // 2, problem, finished, pending, rng, count)
        if start is not None:
            return start
        first = [trial for trial in finished if trial.is_finished][: max(budget // 2, 2)]
        values = mean_values(problem, first)
        relevance = _relevance(problem.encode(values), np.array(list(values.values())))  # [task]
        candidates = untried(problem, finished, pending, rng)  # [mixture, task]
        free = [problem.names.index(name) for name in problem.free]
        weakest_in = np.where(candidates > 0, relevance, np.inf)[:, free].min(axis=1, initial=np.inf)  # [mixture]
        strongest_out = np.where(candidates > 0, -np.inf, relevance)[:, free].max(axis=1, initial=-np.inf)
        order = np.lexsort((-(candidates @ relevance), weakest_in < strongest_out))  # nested ones first
        best = candidates[order[:count]]
        return [Proposal(Request(to_mixture(problem, row)), "beyond a threshold") for row in best]

    return propose


def _relevance(x: Array, y: Array) -> Array:
    """Gives the coefficients [task] of a linear regression with an intercept."""
    inside = (x > 0) - (x > 0).mean(axis=0)  # [trial, task]
    return np.asarray(np.linalg.solve(inside.T @ inside + PENALTY * np.eye(x.shape[1]), inside.T @ (y - y.mean())))
