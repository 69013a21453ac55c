"""Search with a predictor: fit it to all trials, propose what promises most, and repeat."""

from collections.abc import Callable, Mapping, Sequence, Set
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
from cotune.search.feasibility import feasibility
from cotune.search.front import MeasuredFront
from cotune.search.history import first_untried, tried, usable
from cotune.search.protocols import Acquisition, Predictor
from cotune.search.random_search import random
from cotune.search.repeats import Tried, weigh
from cotune.trial import Proposal, Request, Trial
from cotune.verdict.floors import floors, holding
from cotune.verdict.front import reference, target_means
from cotune.verdict.noise import by_mixture
from cotune.verdict.winner import trained

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
    anchors were tried and fewer than two trials have scores, it proposes at random. Once repeated mixtures have shown
    that runs are noisy, the best is the best posterior mean, and a run is worth what a noisy one can teach.
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
        belief = learn(problem, self, finished, int(rng.integers(2**32)))
        belief = belief.believe([request.mixture for request in pending])
        proposals: list[Proposal] = []
        for _ in range(count):
            row = best_candidate(problem, belief.merit, known, rng, belief.leaders)
            if row is None:
                break
            proposals.append(belief.proposal(row))
            known.add(proposals[-1].request.mixture)
            belief = belief.believe([proposals[-1].request.mixture])
        return proposals


@dataclass(frozen=True)
class Belief:
    """What a predictor makes of scores, measured ones first and then believed ones."""

    problem: Problem
    sampler: PredictiveSampler
    seed: int
    x: Array
    y: Array
    measured: Tried
    allowed: Tried  # the measured ones that keep what is to be kept
    leaders: NDArray[np.int64]  # [mixture, task], the best measured ones
    floors: Mapping[str, float]
    front: MeasuredFront | None = None

    @property
    def aim(self) -> str:
        """Why a mixture is proposed."""
        return "predicted to improve" if self.front is None else "predicted to widen the front"

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

    def outcomes(self, parts: NDArray[np.int64]) -> Array:
        """Gives predictions [sample, mixture, output] for `parts` [mixture, task]."""
        return self.model.predict(self.sampler.encode(self.problem, parts.astype(float)))

    def merit(self, parts: NDArray[np.int64]) -> Array:
        """Gives the acquisition's merit [mixture] of `parts` [mixture, task], times the chance that they are allowed.

        While no measured mixture is, that chance alone (Gelbart, Snoek and Adams, 2014, Bayesian Optimization with
        Unknown Constraints), if it is predicted.
        """
        predicted = self.outcomes(parts)
        chance = feasibility(self.problem, predicted, self.floors)  # [mixture]
        if self._seeks_allowed(predicted):
            return chance
        return np.asarray(chance * self._gain(predicted))

    def _seeks_allowed(self, predicted: Array) -> bool:
        """Tells whether nothing that was measured is allowed, and `predicted` says what might be."""
        kept = [predicted[:, :, self.problem.measured.index(name)] for name in self.floors]
        return not self.allowed.mixtures and any(bool(np.isfinite(samples).all()) for samples in kept)

    @property
    def tried(self) -> Tried:
        """The mixtures to improve on: the allowed ones, or all while none is."""
        return self.allowed if self.allowed.mixtures else self.measured

    def _gain(self, predicted: Array) -> Array:
        """Gives the worth [mixture] of predictions [sample, mixture, output]: volume for a front, else merit."""
        if self.front is not None:
            return self.front.improvement(predicted[:, :, : len(self.problem.targets)])
        values = after_one_run(objective(self.problem, predicted), self.tried.noise)
        return self.sampler.acquisition(values - self.tried.best)

    def proposal(self, parts: NDArray[np.int64]) -> Proposal:
        """Gives the proposal to run `parts` [task], with what is expected of it."""
        predicted = self.outcomes(parts[None])  # [sample, 1, output]
        values = objective(self.problem, predicted)  # [sample, 1]
        chance = feasibility(self.problem, predicted, self.floors)  # [1]
        nothing_holds = self._seeks_allowed(predicted)
        gain = None
        if not nothing_holds and self.front is None:  # a gain in volume is no gain in score
            later = after_one_run(values, self.tried.noise)
            gain = float((chance * expected_improvement(later - self.tried.best))[0])
        return Proposal(
            Request(to_mixture(self.problem, parts)),
            "predicted to keep what is to be kept" if nothing_holds else self.aim,
            mean=float(values.mean()),
            sd=float(values.std()),
            improvement=gain,
        )


def learn(problem: Problem, sampler: PredictiveSampler, finished: Sequence[Trial], seed: int) -> Belief:
    """Gives the belief of `sampler` after the `finished` trials, of which at least one is usable.

    Raises:
        ValueError: the base model has no score on a dataset to keep.
    """
    trials, least = usable(problem, finished), floors(problem, finished)
    weighed, allowed = weigh(problem, by_mixture(trials)), holding(problem, trials, least)
    front = _front(problem, finished, allowed) if problem.objective == "pareto" else None
    means = dict(zip(weighed.mixtures, weighed.means, strict=True))
    leaders = sorted(means, key=lambda mixture: (mixture not in allowed, -means[mixture]))[:STARTS]
    x = sampler.encode(problem, problem.encode(trial.request.mixture for trial in trials))
    y = outcomes(problem, trials)
    starts = problem.encode(leaders).astype(np.int64)
    return Belief(problem, sampler, seed, x, y, weighed, weighed.among(allowed), starts, least, front)


def _front(problem: Problem, finished: Sequence[Trial], allowed: Set[Mixture]) -> MeasuredFront:
    groups = {mixture: runs for mixture, runs in trained(problem, finished).items() if mixture in allowed}
    return MeasuredFront(target_means(problem, groups), reference(problem, finished)[0])
