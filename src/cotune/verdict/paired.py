"""Paired intervals over two sources of noise: which dev examples were drawn and which seed was trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from cotune.problem import Problem
from cotune.tally import array_score, tally_arrays
from cotune.trial import ExampleResults, Request, Trial
from cotune.verdict.noise import SeedNoise

Array = NDArray[np.float64]

POOL_FREEDOM = 2
"""Degrees of freedom that the study's pooled seed noise counts for beside the mixtures' own, at most.

More makes intervals narrower, but too narrow where the winner is noisier than the rest, and lets more false winners
through; none makes them wider than they need be. `tests/verdict` and `benchmarks.calibration` hold the coverage.
"""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval; `low` and `high` are None where neither seeds nor examples were repeated."""

    mean: float
    low: float | None
    high: float | None
    seeds: int
    examples: int

    @property
    def is_above(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0

    @property
    def is_below(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high is not None and self.high < 0


@dataclass(frozen=True)
class Resamples:
    """The objective of each trial scored again on resampled dev examples, the same resamples for every trial."""

    scores: Mapping[Request, Array]
    examples: int


@dataclass(frozen=True)
class Chance:
    """How intervals are made: level, seed and number of draws, and the study's pooled noise between seeds."""

    level: float = 0.95
    seed: int = 0
    resamples: int = 10_000
    noise: SeedNoise = field(default_factory=SeedNoise)


def resample(problem: Problem, trials: Sequence[Trial], chance: Chance) -> Resamples:
    """Scores every trial's objective on bootstrap resamples of the dev examples that all trials share.

    One draw of examples serves all trials, which is what makes later differences paired. Where a target lacks
    per-example results, or fewer than two examples are shared, there are no resamples: `examples` is 0.
    Cost: resamples x examples x groups x trials multiplications, 0.1 s for 10,000 x 96 x 1 x 10.
    """
    drawn: dict[Request, list[Array]] = {trial.request: [] for trial in trials}  # of each target [resample]
    fewest = 0
    for index, target in enumerate(problem.targets):
        results = {trial.request: trial.results[target].examples for trial in trials}
        shared = _shared_ids(list(results.values()))
        if len(shared) < 2:
            return Resamples({}, 0)
        counts = _draw(len(shared), chance.resamples, np.random.default_rng([chance.seed, index]))
        for request, examples in results.items():
            drawn[request].append(_scores(examples, shared, counts))
        fewest = min(fewest or len(shared), len(shared))
    return Resamples({request: problem.combine(np.stack(rows, axis=1)) for request, rows in drawn.items()}, fewest)


def difference(
    problem: Problem, ours: Sequence[Trial], theirs: Sequence[Trial], draws: Resamples, chance: Chance
) -> Estimate:
    """Gives the mean paired difference of the objective, `ours` minus `theirs`, with its interval.

    Trials are paired by seed, what is left over in order; an untrained base model meets every seed.
    """
    trained = [runs for runs in (ours, theirs) if len(runs[0].request.mixture)]
    pairs = _pairs(ours, theirs)
    values = np.array([problem.value(one) - problem.value(other) for one, other in pairs])  # [pair]
    again = None
    if draws.examples:
        again = np.array([draws.scores[one.request] - draws.scores[other.request] for one, other in pairs])
    prior = replace(chance.noise, variance=chance.noise.variance * len(trained))
    return _interval(values, again, draws.examples, replace(chance, noise=prior))


def value_of(problem: Problem, trials: Sequence[Trial], draws: Resamples, chance: Chance) -> Estimate:
    """Gives the mean objective of one mixture's trials with its interval, within [0, 1] where tallies made it."""
    values = np.array([problem.value(trial) for trial in trials])  # [trial]
    again = np.array([draws.scores[trial.request] for trial in trials]) if draws.examples else None
    is_base = not len(trials[0].request.mixture)
    found = _interval(values, again, draws.examples, replace(chance, noise=SeedNoise()) if is_base else chance)
    is_gain = problem.objective == "worst" and bool(problem.reference)
    if found.low is None or found.high is None or again is None or is_gain:
        return found
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))


def _interval(values: Array, again: Array | None, examples: int, chance: Chance) -> Estimate:
    """Gives the mean of `values` [seed], with the percentiles of the sum of two independent errors.

    The seeds' error is t-distributed: with 2 or 3 seeds a bootstrap over seeds is far too narrow. Its variance is that
    of the values, moderated by the pooled noise of the study (Smyth, 2004, Linear Models and Empirical Bayes Methods
    for Assessing Differential Expression, section 3, with fixed prior weight). The examples' error is the bootstrap
    of `again` [seed, resample], shrunk to what all seeds share: what differs between seeds is in the seeds' variance
    already (two-way components as in Hillis, 2007, A Comparison of Denominator Degrees of Freedom Methods for
    Multiple Observer ROC Analysis, equation 11, where readers are our seeds). The sum is as wide as a t with the
    degrees of freedom of both together (Satterthwaite, 1946, An Approximate Distribution of Estimates of Variance
    Components, equation 17; the examples' are taken as many).
    """
    n, mean = len(values), float(values.mean())
    variance, freedom = _seed_variance(values, chance.noise)
    if again is None and not freedom:
        return Estimate(mean, None, None, n, 0)
    rng = np.random.default_rng([chance.seed, n])
    of_examples = np.zeros(chance.resamples)  # [resample]
    if again is not None:
        of_examples = _example_error(again) * sqrt(examples / (examples - 1))
    quantiles = ndtri((np.arange(chance.resamples) + 0.5) / chance.resamples)
    error = sqrt(variance / n) * rng.permutation(quantiles) + of_examples  # not drawn: its tails would be noisy
    error *= _stretch(variance / n, freedom, float(of_examples.var()), chance.level)
    low, high = np.quantile(error, [(1 - chance.level) / 2, (1 + chance.level) / 2])
    return Estimate(mean, mean + float(low), mean + float(high), n, examples)


def _stretch(of_seeds: float, freedom: int, of_examples: float, level: float) -> float:
    """Gives how much wider than normal the sum of both errors is, from their variances and the seeds' freedom."""
    if of_seeds == 0:
        return 1.0
    both = freedom * ((of_seeds + of_examples) / of_seeds) ** 2
    tail = (1 + level) / 2
    return float(stdtrit(both, tail) / ndtri(tail))


def _seed_variance(values: Array, noise: SeedNoise) -> tuple[float, int]:
    own = len(values) - 1
    pooled = min(noise.freedom, POOL_FREEDOM) if own else noise.freedom
    if own + pooled == 0:
        return 0.0, 0
    squares = float(((values - values.mean()) ** 2).sum())
    return (squares + pooled * noise.variance) / (own + pooled), own + pooled


def _example_error(again: Array) -> Array:
    """Gives the centred bootstrap of the mean over seeds, [resample], shrunk to the part that all seeds share."""
    mean = again.mean(axis=0)
    total = float(mean.var())
    if total == 0:
        return np.zeros_like(mean)
    n = len(again)
    by_seed = (float(again.var(axis=1).mean()) - total) / (n - 1) if n > 1 else 0.0
    return np.asarray((mean - mean.mean()) * sqrt(max(1 - by_seed / total, 0.0)))


def _pairs(ours: Sequence[Trial], theirs: Sequence[Trial]) -> list[tuple[Trial, Trial]]:
    if not len(theirs[0].request.mixture):
        return [(trial, theirs[0]) for trial in ours]
    by_seed = {trial.request.seed: trial for trial in theirs}
    same = [(trial, by_seed.pop(trial.request.seed)) for trial in ours if trial.request.seed in by_seed]
    paired = {trial.request.seed for trial, _ in same}
    left = [trial for trial in ours if trial.request.seed not in paired]
    return same + list(zip(left, by_seed.values(), strict=False))


def _shared_ids(results: Sequence[ExampleResults]) -> list[str]:
    """Gives the ids of the examples that every trial has tallies for, in the order of the first."""
    if any(len(examples.ids) != len(examples.tallies) for examples in results):
        return []
    common = set.intersection(*(set(examples.ids) for examples in results))
    return [name for name in results[0].ids if name in common]


def _draw(examples: int, resamples: int, rng: np.random.Generator) -> Array:
    """Gives how often each resample holds each example, [resample, example]."""
    picks = rng.integers(0, examples, (resamples, examples)) + examples * np.arange(resamples)[:, None]
    return np.bincount(picks.ravel(), minlength=resamples * examples).reshape(resamples, examples).astype(float)


def _scores(examples: ExampleResults, shared: Sequence[str], counts: Array) -> Array:
    position = {name: index for index, name in enumerate(examples.ids)}
    tallies = [examples.tallies[position[name]] for name in shared]
    numerators, denominators = tally_arrays(tallies)  # [example, group]
    return array_score(counts @ numerators, counts @ denominators)
