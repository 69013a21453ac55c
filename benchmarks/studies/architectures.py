"""What a predictor's architecture costs and what it is worth."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import Case, Rules
from benchmarks.studies.linear_ensemble import LinearEnsemble
from benchmarks.studies.pictures import Line, curves
from benchmarks.studies.problems import Problem, pool_problems
from benchmarks.studies.regrets import Regrets, shown, signed
from benchmarks.studies.searches import regrets
from benchmarks.studies.set_network import SetNetwork
from benchmarks.studies.study import Found, Sources, Study, table
from cotune.search import Ensemble, Measured, PredictiveSampler, Predictor, default, neural, prior_fitted, process
from cotune.search.features import encode_features
from cotune.search.predictive import learn
from cotune.trial import Request

BUDGETS = tuple(range(2, 25))
TARGET = 0.1
"""The regret that counts as reached."""


def _parts(_: object, parts: NDArray[np.float64]) -> NDArray[np.float64]:
    return parts


def _sampler(make: Callable[[int], Predictor], *, as_set: bool = False) -> PredictiveSampler:
    return PredictiveSampler(lambda _, seed: Measured(make(seed)), _parts if as_set else encode_features)


SAMPLERS = {
    "linear": _sampler(LinearEnsemble),
    "small: 2 x 8 units": _sampler(lambda seed: Ensemble(seed, width=8)),
    "reconstruction: 2 x 32 units": neural,
    "large: 2 x 96 units": _sampler(lambda seed: Ensemble(seed, width=96, members=4)),
    "deep set": _sampler(SetNetwork, as_set=True),
    "set with attention": _sampler(lambda seed: SetNetwork(seed, attends=True), as_set=True),
    "trained beforehand": prior_fitted,
    "processes, no network": process,
    "default": default,
}


def measure(sources: Sources) -> Found:
    """Searches the same problems with every architecture, then times one fit and one scoring of each after 24 runs."""
    problems = pool_problems(sources.pools, sources.limit(12), least=7)
    cases = [Case(*problem, name, 0, sampler) for problem in problems for name, sampler in SAMPLERS.items()]
    found = regrets(cases, Rules(BUDGETS), sources).to_json()
    return found | {"seconds": {name: _seconds(sampler, problems[:4]) for name, sampler in SAMPLERS.items()}}


def _seconds(sampler: PredictiveSampler, problems: list[Problem]) -> tuple[float, float]:
    """Gives the median seconds to fit to 24 random runs and to predict every combination."""
    fits, scores = [], []
    for pool, targets in problems:
        problem, truth = pool.problem(*targets), list(pool.table.values(*targets))
        drawn = np.random.default_rng(0).permutation(len(truth))[:24]
        trials = list(pool.table.evaluate(*targets)([Request(truth[index]) for index in drawn]))
        fits.append(_timed(lambda: learn(problem, sampler, trials, 0).model))  # noqa: B023 - called at once
        belief = learn(problem, sampler, trials, 0)
        assert belief.model
        scores.append(_timed(lambda: belief.outcomes(_all(problem.encode(truth)))))  # noqa: B023
    return float(np.median(fits)), float(np.median(scores))


def _all(parts: NDArray[np.float64]) -> NDArray[np.int64]:
    return parts.astype(np.int64)


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def text(result: Found) -> str:
    """Shows cost against regret, and how many runs the middle problem needs."""
    found = Regrets.from_json(result)
    head = ("predictor", "fit, s", "predict, s", "12 runs", "24 runs", "minus `default`, 24 runs", f"runs to {TARGET}")
    lines = {}
    for name in SAMPLERS:
        fit, predict = result["seconds"][name]
        runs = found.first(name, TARGET)
        reached = f"{np.median(runs):.0f}" if np.isfinite(np.median(runs)) else f"> {BUDGETS[-1]}"
        lines[name] = (
            f"{fit:.3f}",
            f"{predict:.3f}",
            shown(found.mean(name, 12)),
            shown(found.mean(name, 24)),
            "" if name == "default" else signed(found.minus(name, "default", 24)),
            f"{reached} ({np.mean(np.isfinite(runs)):.0%} of problems)",
        )
    return (
        f"{table(head, lines)}\n\nProcessor seconds after 24 runs; runs to regret {TARGET} are of the median problem "
        f"({len(found.problems)} problems), with the share that got there within {BUDGETS[-1]}."
    )


def picture(result: Found) -> str:
    """Draws mean regret by runs of each architecture, without bands."""
    found = Regrets.from_json(result)
    lines = {}
    for name in (name for name in SAMPLERS if name != "small: 2 x 8 units"):
        mean = found.of[name].mean(axis=0).tolist()
        lines[name] = Line(found.budgets, mean, mean, mean)
    label = "Normalised regret by architecture of the predictor"
    return curves(lines, x_unit="fine-tunings", y_unit="mean normalised regret", label=label)


STUDY = Study(measure, text, picture)
