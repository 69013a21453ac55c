"""What balancers did in the trials that a report shows: weights over time, and how far gradients were in conflict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Balancing, Trial
from cotune.verdict import Verdict
from cotune.verdict.noise import scored
from cotune.verdict.wording import title


@dataclass(frozen=True)
class Conflict:
    """The mean cosine between two datasets' gradients, over the recorded steps whose batch held both.

    `early` and `late` are the means over those in the first and in the last third of the training; None without any.
    """

    first: str
    second: str
    cosine: float
    steps: int
    early: float | None = None
    late: float | None = None


@dataclass(frozen=True)
class Balanced:
    """A trial whose datasets were weighed by a balancer: at which steps which weights, and the conflicts of pairs.

    `weights` is empty where the balancer merges gradients, `conflicts` where it took none, `privacy` and its `terms`
    where nothing was made private (see `cotune.trial.Balancing`).
    """

    mixture: str
    seed: int
    balancer: str
    steps: tuple[int, ...]
    weights: Mapping[str, tuple[float, ...]]
    conflicts: tuple[Conflict, ...]
    privacy: Mapping[str, tuple[float, float]]
    terms: Mapping[str, float]


def balanced(
    problem: Problem, trials: Sequence[Trial], verdict: Verdict, others: Mapping[str, Sequence[Trial]]
) -> tuple[Balanced, ...]:
    """Gives what happened in the first balanced trial of the winner, else of the next finalist that has one.

    Then follows the winner's first trial under each balancer of `others`, where that tells of itself.
    """
    own = _first(problem, trials, [standing.mixture for standing in verdict.standings])
    winner = [] if verdict.winner is None else [verdict.winner]
    rivals = [_first(problem, theirs, winner) for theirs in others.values()]
    return tuple(found for found in (own, *rivals) if found is not None)


def _first(problem: Problem, trials: Sequence[Trial], mixtures: Sequence[Mixture]) -> Balanced | None:
    """Gives the first balanced trial of the first of `mixtures` that has one."""
    for mixture in mixtures:
        for trial in scored(problem, trials):
            if trial.request.mixture == mixture and trial.balancing is not None:
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
        privacy=told.privacy,
        terms=told.terms,
    )


def _conflicts(told: Balancing) -> list[Conflict]:
    found = []
    for place, (first, second) in enumerate(combinations(told.weights, 2)):
        seen = {step: pairs[place] for step, pairs in zip(told.steps, told.cosines, strict=False) if place < len(pairs)}
        known = {step: cosine for step, cosine in seen.items() if cosine is not None}
        if known:
            found.append(Conflict(first, second, fmean(known.values()), len(known), *_thirds(known, told.steps[-1])))
    return found


def _thirds(known: Mapping[int, float], last: int) -> tuple[float | None, float | None]:
    """Gives the means of the first and of the last third of `last` steps, counted from 1."""
    early = [cosine for step, cosine in known.items() if 3 * step <= last]
    late = [cosine for step, cosine in known.items() if 3 * (step - 1) >= 2 * last]
    return fmean(early) if early else None, fmean(late) if late else None
