"""Composite scores of the finalists over several targets."""

from collections.abc import Sequence
from statistics import fmean

from cotune.composite import delta_percent, mean_ranks, weighted_mean, worst_task
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting.report import Composite
from cotune.trial import Trial
from cotune.verdict import Verdict
from cotune.verdict.noise import scored


def composites(problem: Problem, trials: Sequence[Trial], verdict: Verdict) -> tuple[Composite, ...]:
    """Gives each finalist's composite scores over the targets, from the trials of its standing; none for one target.

    The change in per cent needs every target trained alone, which a search may not have done; it is None then.
    """
    if len(problem.targets) == 1 or not verdict.standings:
        return ()
    table = {standing.title: standing.scores for standing in verdict.standings}
    ranks = mean_ranks(table)
    singles = {name: _single(problem, trials, name) for name in problem.targets}
    return tuple(
        Composite(
            mixture=name,
            mean=weighted_mean(scores, problem.weights),
            worst=worst_task(scores),
            rank=ranks[name],
            delta_percent=delta_percent(scores, singles) if all(singles.values()) else None,
        )
        for name, scores in table.items()
    )


def _single(problem: Problem, trials: Sequence[Trial], name: str) -> float | None:
    runs = [trial for trial in scored(problem, trials) if trial.request.mixture == Mixture.of([name])]
    return fmean(trial.results[name].score or 0.0 for trial in runs) if runs else None
