"""Contests: the winner's mixture trained under several balancers with the same seeds, and what may be said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Record, Trial
from cotune.verdict.judge import Verdict
from cotune.verdict.noise import by_mixture, scored, seed_noise
from cotune.verdict.paired import Chance, Estimate, difference, resample, value_of
from cotune.verdict.wording import interval, points, title, unit


@dataclass(frozen=True)
class Rival:
    """A balancer in a contest: the objective under it, and by how much it leads the study's own."""

    balancer: str
    value: Estimate
    lead: Estimate


@dataclass(frozen=True)
class Contest:
    """Balancers on one mixture, best first: `own` is the one that the study searched under.

    Each lead has its interval at `level`, which grows with the number of rivals, so that all hold together.
    """

    mixture: str
    own: str
    own_value: Estimate
    rivals: tuple[Rival, ...]
    level: float
    sentence: str


def contestants(problem: Problem, records: Sequence[Record], verdict: Verdict) -> list[Trial]:
    """Gives the winner's trials that count: its confirming ones, else all. None where balancing means nothing."""
    if verdict.winner is None or len(verdict.winner) < 2:
        return []
    own = [record for record in records if record.trial and record.request.mixture == verdict.winner]
    if verdict.confirmed:
        own = [record for record in own if record.proposal.reason.startswith("confirm")]
    return scored(problem, [record.trial for record in own if record.trial])


def contest(
    problem: Problem,
    records: Sequence[Record],
    others: Mapping[str, Sequence[Record]],
    *,
    own: str,
    verdict: Verdict,
    seed: int = 0,
) -> Contest | None:
    """Gives the contest of the study's `own` balancer with `others`, by name; None if none has a trial to compare.

    Trials are paired by seed and by dev examples, as in a verdict. The best of several is favoured by chance, so leads
    are at the level of a Bonferroni correction: together they hold at the verdict's.
    """
    ours = contestants(problem, records, verdict)
    seeds = {trial.request.seed for trial in ours}
    runs = {name: _same(problem, theirs, verdict.winner, seeds) for name, theirs in others.items()}
    runs = {name: trials for name, trials in runs.items() if trials}
    if not runs or verdict.winner is None:
        return None
    level = 1 - (1 - verdict.level) / len(runs)
    noise = seed_noise(problem, by_mixture(scored(problem, [record.trial for record in records if record.trial])))
    chance = Chance(level, seed, noise=noise)
    rivals = [_rival(problem, name, trials, ours, chance) for name, trials in runs.items()]
    ranked = tuple(sorted(rivals, key=lambda rival: -rival.lead.mean))
    what = title(problem, verdict.winner)
    own_value = value_of(problem, ours, resample(problem, ours, chance), chance)
    return Contest(what, own, own_value, ranked, level, _sentence(problem, what, own, ranked))


def _same(problem: Problem, records: Sequence[Record], mixture: Mixture | None, seeds: set[int]) -> list[Trial]:
    trials = scored(problem, [record.trial for record in records if record.trial])
    return [trial for trial in trials if trial.request.mixture == mixture and trial.request.seed in seeds]


def _rival(problem: Problem, name: str, theirs: Sequence[Trial], ours: Sequence[Trial], chance: Chance) -> Rival:
    """Compares trials of equal requests: those of `ours` are told apart by a fidelity that no request has."""
    marked = [replace(trial, request=replace(trial.request, fidelity=0.5)) for trial in ours]
    draws = resample(problem, [*theirs, *marked], chance)
    return Rival(
        name, value_of(problem, theirs, draws, chance), difference(problem, list(theirs), marked, draws, chance)
    )


def _sentence(problem: Problem, mixture: str, own: str, ranked: Sequence[Rival]) -> str:
    best = ranked[0]
    found = f"{points(best.lead.mean, sign=True)} {unit(problem)} {interval(best.lead)}"
    if best.lead.is_above:
        return f"Balancer {best.balancer} beats {own} on {mixture}: {found}. Train with train.balancer={best.balancer}."
    names = ", ".join(rival.balancer for rival in ranked)
    return f"No balancer of {names} detectably beats {own} on {mixture}; best is {best.balancer}: {found}. Keep {own}."
