"""How well predictors rank combinations that were not trained, by how many were."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.case import Case, Row, Rules
from benchmarks.peers.surrogate import Merit
from cotune import search
from cotune.config.names import imported
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search.anchors import anchors
from cotune.search.evidence import objective
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
        predicted = belief.outcomes(problem.encode(unseen).astype(np.int64))  # [sample, mixture, output]
        return np.asarray(objective(problem, predicted).mean(axis=0))

    return rank


def _surrogate(reference: str) -> Ranking:
    def rank(problem: Problem, trials: list[Trial], unseen: list[Mixture], seed: int) -> NDArray[np.float64]:  # noqa: ARG001
        predict = cast(Merit, imported(reference, what="surrogate"))
        x, y = problem.encode(trial.request.mixture for trial in trials), [problem.value(trial) for trial in trials]
        return predict(x, np.array(y), problem.encode(unseen))

    return rank


PREDICTORS: Mapping[str, Ranking] = MappingProxyType(
    {
        "mean_only": mean_only,
        "size_only": size_only,
        "neural": _predictor(search.neural),
        "prior_fitted": _predictor(search.prior_fitted),
        "process": _predictor(search.process),
        "default": _predictor(search.default),
        "reconstruction": _surrogate("benchmarks.peers.reconstruction:network"),
        "ridge_shares": _surrogate("benchmarks.peers.ridge:on_root_shares"),
        "ridge_pairs": _surrogate("benchmarks.peers.ridge:on_pairs"),
        "mixing_law": _surrogate("benchmarks.peers.mixing_law:law"),
        "hamming_gp": _surrogate("benchmarks.peers.hamming_gp:posterior_mean"),
    }
)


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """Gives the predictors that are named, each once, or all if none is.

    Raises:
        ValueError: there is no such predictor.
    """
    unknown = sorted(set(names) - set(PREDICTORS))
    if unknown:
        raise ValueError(f"Unknown predictors {unknown}; a learning curve has {list(PREDICTORS)}.")
    return tuple(dict.fromkeys(names)) or tuple(PREDICTORS)


def run(case: Case, rules: Rules) -> list[Row]:
    """Gives the rank correlation on all combinations not trained, after each budget that leaves three or more.

    The runs are both anchors and then combinations at random, the same for every predictor; of a study, those that it
    ran.
    """
    table, targets = case.pool.table, case.targets
    problem, truth = table.problem(*targets), table.values(*targets)
    rng = np.random.default_rng([rules.seed, case.repeat])
    first = [mixture for mixture, _ in anchors(problem) if mixture in truth]
    shuffled = [list(truth)[index] for index in rng.permutation(len(truth))]
    order = first + [mixture for mixture in shuffled if mixture not in first]
    evaluate = table.evaluate(*targets, noise=rules.noise, seed=rules.seed + case.repeat)
    trials = list(evaluate([Request(mixture) for mixture in order[: max(rules.budgets)]]))
    rows: list[Row] = []
    for budget in (number for number in rules.budgets if number <= len(order) - 3):
        unseen = order[budget:]
        predicted = PREDICTORS[case.method](problem, trials[:budget], unseen, case.repeat)
        flat = np.ptp(predicted) == 0
        correlation = 0.0 if flat else float(spearmanr(predicted, [truth[mixture] for mixture in unseen]).statistic)
        rows.append(case.row() | {"budget": budget, "noise": rules.noise, "spearman": correlation})
    return rows
