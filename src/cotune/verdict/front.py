"""The front: which mixtures no other one beats on every target, and how much they dominate together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import BASE, Mixture
from cotune.problem import MOST_FRONT, Problem
from cotune.trial import Trial
from cotune.verdict.floors import is_judgeable
from cotune.verdict.hypervolume import dominated, hypervolume
from cotune.verdict.noise import by_mixture, scored, seed_noise
from cotune.verdict.winner import slack, trained
from cotune.verdict.wording import title

NAMED = 5
"""How many mixtures of a front its sentence names."""


@dataclass(frozen=True)
class FrontLine:
    """A mixture's mean score over its seeds on each target, with standard errors where any mixture was repeated.

    It is dominated if another one that may win has at least its mean on every target and more on one. That is about
    means: with one seed a mixture may be on the front, or off it, by luck.
    """

    mixture: Mixture
    title: str
    scores: Mapping[str, float]
    errors: Mapping[str, float | None]
    seeds: int
    is_dominated: bool
    is_allowed: bool


@dataclass(frozen=True)
class Front:
    """The trained mixtures by their targets' scores, those on the front first.

    `hypervolume` is what the front dominates above `reference`, in score to the power of the number of targets;
    `origin` says where the reference comes from.
    """

    lines: tuple[FrontLine, ...]
    reference: Mapping[str, float]
    origin: str
    hypervolume: float

    @property
    def best(self) -> tuple[FrontLine, ...]:
        """The lines on the front."""
        return tuple(line for line in self.lines if not line.is_dominated and line.is_allowed)


def front(problem: Problem, trials: Sequence[Trial]) -> Front | None:
    """Gives the front of the trained mixtures; None but for 2 to `MOST_FRONT` targets, or before it can be known."""
    groups = trained(problem, trials)
    if not 2 <= len(problem.targets) <= MOST_FRONT or not groups or not is_judgeable(problem, trials):
        return None
    points = target_means(problem, groups)  # [mixture, target]
    spare = slack(problem, trials)
    allowed = np.array([spare[mixture] >= 0 for mixture in groups])  # [mixture]
    beaten = dominated(points, points[allowed])  # [mixture]
    floor, origin = reference(problem, trials)
    noise = {name: _sd(problem.alone(name), trials) for name in problem.targets}
    lines = [
        FrontLine(
            mixture,
            title(problem, mixture),
            dict(zip(problem.targets, row.tolist(), strict=True)),
            {name: None if sd is None else sd / sqrt(len(runs)) for name, sd in noise.items()},
            len(runs),
            is_dominated=bool(is_beaten),
            is_allowed=bool(is_allowed),
        )
        for (mixture, runs), row, is_beaten, is_allowed in zip(groups.items(), points, beaten, allowed, strict=True)
    ]
    lines.sort(key=lambda line: (line.is_dominated or not line.is_allowed, *(-score for score in line.scores.values())))
    at = dict(zip(problem.targets, floor.tolist(), strict=True))
    return Front(tuple(lines), at, origin, hypervolume(points[allowed & ~beaten], floor))


def front_words(found: Front) -> str:
    """Gives in a sentence which mixtures are on the front and what they dominate."""
    if not found.best:
        return (
            f" None of {len(found.lines)} mixtures is on the front of {', '.join(found.reference)}: none keeps enough."
        )
    titles = [line.title for line in found.best[:NAMED]]
    more = [f"{len(found.best) - NAMED} more"] if len(found.best) > NAMED else []
    return (
        f" By mean scores, {len(found.best)} of {len(found.lines)} mixtures are on the front of "
        f"{', '.join(found.reference)}: {'; '.join([*titles, *more])} (hypervolume {found.hypervolume:.4g} above "
        f"{found.origin})."
    )


def target_means(problem: Problem, groups: Mapping[Mixture, Sequence[Trial]]) -> NDArray[np.float64]:
    """Gives the targets' mean scores over seeds [mixture, target] of comparable trials."""
    rows = [
        [np.mean([run.results[name].score or 0.0 for run in runs]) for name in problem.targets]
        for runs in groups.values()
    ]
    return np.array(rows, dtype=float).reshape(-1, len(problem.targets))


def reference(problem: Problem, trials: Sequence[Trial]) -> tuple[NDArray[np.float64], str]:
    """Gives the point [target] above which hypervolume counts, and what it is.

    The problem's own where it names every target; else the base model's scores, so that volume is what training gained
    on all targets at once; without a base model the least mean score of a mixture on each target.
    """
    if len(problem.reference) == len(problem.targets):
        return np.array([problem.reference[name] for name in problem.targets]), "the given reference"
    groups = by_mixture(scored(problem, trials))
    if BASE in groups:
        return target_means(problem, {BASE: groups[BASE]})[0], "the base model"
    return target_means(problem, groups).min(axis=0), "the least score measured on each target"


def _sd(problem: Problem, trials: Sequence[Trial]) -> float | None:
    return seed_noise(problem, by_mixture(scored(problem, trials))).sd
