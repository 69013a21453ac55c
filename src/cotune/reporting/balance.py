"""What a balancer did in the trial that a report shows: weights over time, and how far gradients were in conflict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from cotune.problem import Problem
from cotune.trial import Balancing, Trial
from cotune.verdict import Verdict
from cotune.verdict.noise import scored
from cotune.verdict.wording import title


@dataclass(frozen=True)
class Conflict:
    """The mean cosine between two datasets' gradients, over the recorded steps whose batch held both."""

    first: str
    second: str
    cosine: float
    steps: int


@dataclass(frozen=True)
class Balanced:
    """A trial whose datasets were weighed by a balancer: at which steps which weights, and the conflicts of pairs.

    `weights` is empty where the balancer merges gradients, `conflicts` where it took none.
    """

    mixture: str
    seed: int
    balancer: str
    steps: tuple[int, ...]
    weights: Mapping[str, tuple[float, ...]]
    conflicts: tuple[Conflict, ...]


def balanced(problem: Problem, trials: Sequence[Trial], verdict: Verdict) -> Balanced | None:
    """Gives what happened in the first balanced trial of the winner, else of the next finalist that has one."""
    for standing in verdict.standings:
        for trial in scored(problem, trials):
            if trial.request.mixture == standing.mixture and trial.balancing is not None:
                return _balanced(problem, trial, trial.balancing)
    return None


def _balanced(problem: Problem, trial: Trial, told: Balancing) -> Balanced:
    return Balanced(
        mixture=title(problem, trial.request.mixture),
        seed=trial.request.seed,
        balancer=told.balancer,
        steps=told.steps,
        weights={name: own for name, own in told.weights.items() if len(own) == len(told.steps) > 0},
        conflicts=tuple(_conflicts(told)),
    )


def _conflicts(told: Balancing) -> list[Conflict]:
    found = []
    for place, (first, second) in enumerate(combinations(told.weights, 2)):
        seen = [pairs[place] for pairs in told.cosines if place < len(pairs)]
        known = [cosine for cosine in seen if cosine is not None]
        if known:
            found.append(Conflict(first, second, fmean(known), len(known)))
    return found
