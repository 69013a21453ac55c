"""How well predictors rank combinations that were not trained, by how many were."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.methods import Case, Row, Rules
from cotune import search
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.anchors import anchors
from cotune.search.predictive import PredictiveSampler, learn
from cotune.trial import Request, Trial

Ranking = Callable[[Problem, list[Trial], list[Mixture], int], NDArray[np.float64]]


def mean_only(problem: Problem, trials: list[Trial], unseen: list[Mixture], seed: int) -> NDArray[np.float64]:  # noqa: ARG001
    """Predicts the mean of what was measured [mixture]: it ranks nothing, its correlation counts as 0."""
    return np.full(len(unseen), np.mean([problem.value(trial) for trial in trials]))


def size_only(problem: Problem, trials: list[Trial], unseen: list[Mixture], seed: int) -> NDArray[np.float64]:  # noqa: ARG001
    """Predicts a parabola in the logarithm of the number of datasets [mixture]."""
    sizes = [np.log(len(trial.request.mixture)) for trial in trials]
    degree = min(2, len(set(sizes)) - 1)
    fit = np.polyfit(sizes, [problem.value(trial) for trial in trials], degree)
    return np.asarray(np.polyval(fit, [np.log(len(mixture)) for mixture in unseen]))


def _predictor(sampler: PredictiveSampler) -> Ranking:
    def rank(problem: Problem, trials: list[Trial], unseen: list[Mixture], seed: int) -> NDArray[np.float64]:
        belief = learn(problem, sampler, trials, seed)
        return np.asarray(belief.values(problem.encode(unseen).astype(np.int64)).mean(axis=0))

    return rank


PREDICTORS: Mapping[str, Ranking] = MappingProxyType(
    {
        "mean_only": mean_only,
        "size_only": size_only,
        "neural": _predictor(search.neural),
        "process": _predictor(search.process),
        "default": _predictor(search.default),
    }
)


def curve(case: Case, rules: Rules) -> list[Row]:
    """Gives the rank correlation on all combinations not trained, after each budget of runs.

    The runs are both anchors and then combinations at random, the same for every predictor.
    """
    problem = case.table.problem(*case.targets)
    truth = case.table.values(*case.targets)
    rng = np.random.default_rng([rules.seed, case.repeat])
    first = [mixture for mixture, _ in anchors(problem)]
    shuffled = [list(truth)[index] for index in rng.permutation(len(truth))]
    order = first + [mixture for mixture in shuffled if mixture not in first]
    evaluate = case.table.evaluate(*case.targets, noise=rules.noise, seed=rules.seed + case.repeat)
    trials = list(evaluate([Request(mixture) for mixture in order[: max(rules.budgets)]]))
    rows: list[Row] = []
    for budget in rules.budgets:
        unseen = order[budget:]
        predicted = PREDICTORS[case.method](problem, trials[:budget], unseen, case.repeat)
        flat = np.ptp(predicted) == 0
        correlation = 0.0 if flat else float(spearmanr(predicted, [truth[mixture] for mixture in unseen]).statistic)
        rows.append(case.row() | {"budget": budget, "spearman": correlation})
    return rows
