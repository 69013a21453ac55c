"""Composite scores of the finalists over several targets."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from cotune.composite import delta_percent, mean_ranks, weighted_mean, worst_task
from cotune.mixture import Mixture
from cotune.noise import by_mixture, scored
from cotune.problem import Problem
from cotune.reporting.report import Composite
from cotune.trial import Trial
from cotune.verdict import Verdict

Table = Mapping[Mixture, Mapping[str, float]]


def composites(problem: Problem, trials: Sequence[Trial], verdict: Verdict) -> tuple[Composite, ...]:
    """Gives each finalist's composite scores over the targets, by its mean over seeds; none for a single target.

    The change in per cent needs every target trained alone, which a search may not have done; it is None then.
    """
    if len(problem.targets) == 1:
        return ()
    groups = by_mixture(scored(problem, trials))
    table = {mixture: _means(problem, runs) for mixture, runs in groups.items()}
    finalists = [standing for standing in verdict.standings if standing.mixture in table]
    ranks = mean_ranks({standing.title: table[standing.mixture] for standing in finalists})
    singles = {name: table.get(Mixture.of([name]), {}).get(name) for name in problem.targets}
    has_singles = all(singles.values())
    return tuple(
        Composite(
            mixture=standing.title,
            mean=weighted_mean(table[standing.mixture], problem.weights),
            worst=worst_task(table[standing.mixture]),
            rank=ranks[standing.title],
            delta_percent=delta_percent(table[standing.mixture], singles) if has_singles else None,
        )
        for standing in finalists
    )


def _means(problem: Problem, runs: Sequence[Trial]) -> dict[str, float]:
    scores = {name: [trial.results[name].score for trial in runs] for name in problem.targets}
    return {name: fmean(score for score in known if score is not None) for name, known in scores.items()}
