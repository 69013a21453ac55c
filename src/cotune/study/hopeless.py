"""Hopeless fine-tunings: above which dev loss one is ended early, judged by those that ran to their end.

At each rung the final values of finished fine-tunings are regressed on their losses there. One whose loss is so high
that even the upper end of its prediction interval stays below the best mixture's value is ended. A loss that says
little of the end, or too few fine-tunings to tell, stop nothing. In the line of median stopping (Golovin et al. 2017,
Google Vizier) and successive halving (Jamieson and Talwalkar 2016); but those compare ranks on a rung, which ends a
fixed share however close the race, and here what counts at the end may be a metric, of which a loss is a noisy sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from statistics import fmean

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.study.stops import is_comparable, measured
from cotune.trial import Proposal, Record, Request, Stop

RUNGS = (0.25, 0.5)
"""Fractions of the budget after which a fine-tuning is judged."""

LEAST = 8
"""So many finished fine-tunings are needed to judge another by."""

SURENESS = 0.99
"""Level of the one-sided prediction interval that has to stay below the best."""


@dataclass(frozen=True)
class Judge:
    """When a fine-tuning is hopeless; the defaults are what `search.early_stopping: auto` uses."""

    rungs: tuple[float, ...] = RUNGS
    least: int = LEAST
    sureness: float = SURENESS


USUAL = Judge()


def judged(problem: Problem, records: Sequence[Record], proposals: Sequence[Proposal], judge: Judge) -> list[Proposal]:
    """Gives `proposals` with what may stop them; anchors, repeats and confirmations are only looked at.

    Raises:
        ValueError: the objective is a front, on which no one value says what is hopeless.
    """
    if problem.objective == "pareto":
        raise ValueError("Early stopping judges by one value, and a Pareto front has none; leave it out, or use mean.")
    ending, looking = stop_of(problem, records, judge), harmless(problem, judge)
    stops = [ending if _may_stop(one) else looking for one in proposals]
    return [
        replace(one, request=replace(one.request, stop=stop)) if len(one.request.mixture) else one
        for one, stop in zip(proposals, stops, strict=True)
    ]


def _may_stop(proposal: Proposal) -> bool:
    return not proposal.reason.startswith(("base", "anchor", "repeat", "confirm"))


def harmless(problem: Problem, judge: Judge) -> Stop:
    """Gives what looks at a fine-tuning on every rung and stops nothing."""
    return Stop(tuple(problem.weights.items()), tuple((rung, inf) for rung in judge.rungs))


def stop_of(problem: Problem, records: Sequence[Record], judge: Judge) -> Stop:
    """Gives what stops fine-tunings that are hopeless by what `records` show."""
    stop = harmless(problem, judge)
    known = [record for record in records if is_comparable(record) and measured(problem, record) is not None]
    if len(known) < judge.least:
        return stop
    best = _best(problem, records)
    return replace(stop, limits=tuple((rung, _limit(problem, stop, known, rung, best, judge)) for rung in judge.rungs))


def promising(problem: Problem, records: Sequence[Record], judge: Judge) -> list[Record]:
    """Gives the stopped records that would not be stopped by what is known now, first come first."""
    stopped = [record for record in records if record.trial is not None and record.trial.reached < 1]
    now = stop_of(problem, records, judge) if stopped else None
    return [record for record in stopped if now and not _is_hopeless(record, now)]


def _is_hopeless(record: Record, stop: Stop) -> bool:
    trial = record.trial
    return trial is not None and any(stop.is_hopeless(point.fraction, point.losses) for point in trial.curve)


def to_run(record: Record) -> Request:
    """Gives the request of a record as it is to be run now: one that was stopped goes on to its end."""
    request, trial = record.request, record.trial
    if trial is None or trial.reached == 1 or request.stop is None:
        return request
    return replace(request, stop=replace(request.stop, limits=tuple((rung, inf) for rung, _ in request.stop.limits)))


def _best(problem: Problem, records: Sequence[Record]) -> float:
    """Gives the posterior mean of the best mixture that keeps what is to be kept; less lucky than the best value.

    While nothing was repeated and nothing is to be kept, it is the best value.
    """
    own = [record for record in records if is_comparable(record) or not len(record.request.mixture)]
    values = {record.request: measured(problem, record) for record in own if len(record.request.mixture)}
    if not problem.keep and len({request.mixture for request in values}) == len(values):
        return max((value for value in values.values() if value is not None), default=-inf)
    from cotune.verdict.winner import posterior_means, slack  # with SciPy, so late

    trials = [record.trial for record in own if record.trial is not None]
    means: Mapping[Mixture, float] = posterior_means(problem, trials)
    spare = slack(problem, trials) if problem.keep else dict.fromkeys(means, 0.0)
    return max((value for mixture, value in means.items() if spare[mixture] >= 0), default=-inf)


def _limit(problem: Problem, stop: Stop, known: Sequence[Record], rung: float, best: float, judge: Judge) -> float:
    pairs = [
        (stop.loss(point.losses), measured(problem, record))
        for record in known
        if record.trial is not None
        for point in record.trial.curve
        if point.fraction == rung and all(name in point.losses for name, _ in stop.weights)
    ]
    found = [(loss, value) for loss, value in pairs if value is not None]
    return limit_of([loss for loss, _ in found], [value for _, value in found], best, judge)


def limit_of(losses: Sequence[float], values: Sequence[float], best: float, judge: Judge) -> float:
    """Gives the loss on a rung above which the end is below `best`, as surely as the judge asks; or infinity.

    `losses` and `values` are of finished fine-tunings. The line through them has the usual prediction interval for a
    new one, mean + slope (x - mean x) + t s sqrt(1 + 1/n + (x - mean x)^2 / sum of squares), with Student's t of n - 2
    degrees of freedom; the limit is where its upper end falls below `best` for good.
    """
    from scipy.special import stdtrit  # late: a study without early stopping needs no SciPy

    n = len(losses)
    if n < max(judge.least, 3):
        return inf
    middle, level = fmean(losses), fmean(values)
    squares = sum((loss - middle) ** 2 for loss in losses)
    if squares == 0:
        return inf
    fall = -sum((x - middle) * (y - level) for x, y in zip(losses, values, strict=True)) / squares
    rest = sum((y - level + fall * (x - middle)) ** 2 for x, y in zip(losses, values, strict=True))
    width = float(stdtrit(n - 2, judge.sureness)) * sqrt(rest / (n - 2))
    gap, still = best - level, fall**2 - width**2 / squares
    if fall <= 0 or still <= 0:
        return inf
    root = sqrt(gap**2 * width**2 / squares + still * width**2 * (1 + 1 / n))
    return middle + (root - fall * gap) / still
