"""Search with a predictor: fit it to all trials, propose what promises most, and repeat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.acquisition import after_one_run, expected_improvement
from cotune.search.anchors import anchors
from cotune.search.candidates import best_candidate, to_mixture
from cotune.search.evidence import objective, outcomes
from cotune.search.history import first_untried, tried, usable
from cotune.search.protocols import Acquisition, Predictor
from cotune.search.random_search import random
from cotune.search.repeats import Tried, weigh
from cotune.trial import Proposal, Request, Trial
from cotune.verdict.noise import by_mixture

Array = NDArray[np.float64]
Encoding: TypeAlias = Callable[[Problem, Array], Array]
"""Turns parts [mixture, task] into features [mixture, feature]."""

STARTS = 4
"""How many of the best measured mixtures a local search starts from, in spaces too large to list."""


@dataclass(frozen=True)
class PredictiveSampler:
    """A sampler that begins with both anchors and then follows a predictor.

    `predictor` makes one for a problem from a seed, and `encode` gives its features. Requests that are pending, and
    those chosen earlier in a batch, count as run with the predicted scores, which keeps a batch diverse (the kriging
    believer of Ginsbourger, Le Riche and Carraro 2010, Kriging Is Well-Suited to Parallelize Optimization). Where both
    anchors were tried and fewer than two trials have scores, it proposes at random.
    """

    predictor: Callable[[Problem, int], Predictor]
    encode: Encoding
    acquisition: Acquisition = field(default=expected_improvement)

    def __call__(
        self,
        problem: Problem,
        finished: Sequence[Trial],
        pending: Sequence[Request],
        rng: np.random.Generator,
        count: int,
    ) -> list[Proposal]:
        """Proposes up to `count` untried mixtures; none once every possible mixture was tried."""
        opening = first_untried(anchors(problem), finished, pending, count)
        if opening:
            return opening
        trials, known = usable(problem, finished), tried(finished, pending)
        if len(trials) < 2:
            return random(problem, finished, pending, rng, count)
        belief = learn(problem, self, trials, int(rng.integers(2**32)))
        belief = belief.believe([request.mixture for request in pending])
        asked = {*(trial.request for trial in finished), *pending}
        waiting = {request.mixture for request in pending}
        proposals: list[Proposal] = []
        for _ in range(count):
            row = best_candidate(problem, belief.merit, known, rng, belief.leaders)
            new = None if row is None else belief.proposal(row)
            chosen = _better(new, belief.tried.repeat(asked, waiting))
            if chosen is None:
                break
            proposals.append(chosen)
            waiting.add(chosen.request.mixture)
            known.add(chosen.request.mixture)
            belief = belief.believe([chosen.request.mixture])
        return proposals


@dataclass(frozen=True)
class Belief:
    """What a predictor makes of scores, measured ones first and then believed ones."""

    problem: Problem
    sampler: PredictiveSampler
    seed: int
    x: Array
    y: Array
    tried: Tried
    leaders: NDArray[np.int64]  # [mixture, task], the best measured ones

    @cached_property
    def model(self) -> Predictor:
        """The predictor fitted to all scores."""
        return self.sampler.predictor(self.problem, self.seed).fit(self.x, self.y)

    def believe(self, mixtures: Sequence[Mixture]) -> Self:
        """Gives the belief after `mixtures` scored what is predicted of them."""
        if not mixtures:
            return self
        x = self.sampler.encode(self.problem, self.problem.encode(mixtures))  # [mixture, feature]
        y = self.model.predict(x).mean(axis=0)  # [mixture, output]
        return replace(self, x=np.concatenate([self.x, x]), y=np.concatenate([self.y, y]))

    def values(self, parts: NDArray[np.int64]) -> Array:
        """Gives samples of the objective [sample, mixture] for `parts` [mixture, task]."""
        x = self.sampler.encode(self.problem, parts.astype(float))  # [mixture, feature]
        return objective(self.problem, self.model.predict(x))

    def merit(self, parts: NDArray[np.int64]) -> Array:
        """Gives the acquisition's merit [mixture] of `parts` [mixture, task]."""
        values = after_one_run(self.values(parts), self.tried.noise)
        return self.sampler.acquisition(values - self.tried.best)

    def proposal(self, parts: NDArray[np.int64]) -> Proposal:
        """Gives the proposal to run `parts` [task], with what is expected of it."""
        values = self.values(parts[None])  # [sample, 1]
        later = after_one_run(values, self.tried.noise)
        return Proposal(
            Request(to_mixture(self.problem, parts)),
            "predicted to improve",
            mean=float(values.mean()),
            sd=float(values.std()),
            improvement=float(expected_improvement(later - self.tried.best)[0]),
        )


def learn(problem: Problem, sampler: PredictiveSampler, trials: Sequence[Trial], seed: int) -> Belief:
    """Gives the belief of `sampler` after usable `trials`."""
    weighed = weigh(problem, by_mixture(trials))
    leaders = [weighed.mixtures[place] for place in np.argsort(-weighed.means, kind="stable")[:STARTS]]
    x = sampler.encode(problem, problem.encode(trial.request.mixture for trial in trials))
    y = outcomes(problem, trials)
    return Belief(problem, sampler, seed, x, y, weighed, problem.encode(leaders).astype(np.int64))


def _better(new: Proposal | None, again: Proposal | None) -> Proposal | None:
    """Gives a mixture that was not tried, or a repeat that is expected to improve the choice by more."""
    if new is None or again is None:
        return new or again
    return again if (again.improvement or 0) > (new.improvement or 0) else new
