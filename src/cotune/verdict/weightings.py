"""Weightings of losses compared: the datasets are the same, how much the loss of each counts is not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Trial
from cotune.verdict.front import target_means
from cotune.verdict.hypervolume import undominated
from cotune.verdict.noise import by_mixture, scored, seed_noise
from cotune.verdict.paired import Chance, Estimate, difference, resample
from cotune.verdict.wording import Finding, compared, unit

EQUAL, BEST_MEAN, BEST_WORST, FRONT = "equal", "best mean", "best worst target", "front"
Groups = Mapping[Mixture, Sequence[Trial]]


@dataclass(frozen=True)
class Weighting:
    """A weighting with what it came to on dev, means over seeds; `weights` sum to 1.

    `scores` are those of the targets, `mean` their weighted mean and `worst` the least of them, counted from its
    reference where there is one; `losses` are those of all datasets that were weighed. `marks` say what it is best at,
    or that it is equal weights.
    """

    mixture: Mixture
    weights: Mapping[str, float]
    scores: Mapping[str, float]
    losses: Mapping[str, float]
    mean: float
    worst: float
    seeds: int
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Lead:
    """By how much the weighting with the best mean, or worst target, leads equal weights; None if it is these."""

    mark: str
    mixture: Mixture
    difference: Estimate | None
    unit: str
    sentence: str


@dataclass(frozen=True)
class Weightings:
    """The weightings that were trained, in the order asked for, and what may be said of the best of them.

    Leads are paired by seed and dev row. Their intervals are at `level`, which grows with the number of weightings, so
    that they hold for all of these together. There are none where equal weights have no trial.
    """

    lines: tuple[Weighting, ...]
    leads: tuple[Lead, ...]
    level: float
    warnings: tuple[str, ...]

    @property
    def best(self) -> Weighting:
        """The weighting with the best mean."""
        return next(line for line in self.lines if BEST_MEAN in line.marks)


def weigh(
    problem: Problem, trials: Sequence[Trial], asked: Sequence[Mixture], *, level: float = 0.95, seed: int = 0
) -> Weightings | None:
    """Gives how the weightings `asked` for compare by their `trials`; None if none has finished.

    The mixtures are of one combination, their parts weigh its losses. The best is the best on the dev rows that chose
    it, so the level of its lead over equal weights is that of a Bonferroni correction, as in a contest. A tie goes to
    equal weights, then to what was asked for first.
    """
    found = by_mixture(scored(problem, trials))
    groups = {mixture: found[mixture] for mixture in asked if mixture in found}
    if not groups:
        return None
    even = Mixture.of(asked[0].names)
    views = [(BEST_MEAN, problem), *([(BEST_WORST, _worst(problem))] if len(problem.targets) > 1 else [])]
    best = {mark: _best(view, groups, even) for mark, view in views}
    chance = Chance(1 - (1 - level) / max(len(asked) - 1, 1), seed, max(10_000, 500 * len(asked)))
    leads = [_lead(view, groups, mark, best[mark], even, chance) for mark, view in views if even in groups]
    front = undominated(target_means(problem, groups)).tolist()
    marks = {
        mixture: _marks(mixture, even, best, on_front=on_front and len(problem.targets) > 1)
        for mixture, on_front in zip(groups, front, strict=True)
    }
    lines = [_line(problem, mixture, runs, marks[mixture]) for mixture, runs in groups.items()]
    return Weightings(
        tuple(lines), tuple(leads), chance.level, tuple(_warnings(groups, leads, len(asked), chance.level))
    )


def weights_of(mixture: Mixture) -> dict[str, float]:
    """Gives the weights that a mixture's parts stand for; they sum to 1."""
    total = sum(parts for _, parts in mixture.parts)
    return {name: parts / total for name, parts in mixture.parts}


def weighting_words(mixture: Mixture) -> str:
    """Gives a weighting for a sentence.

    >>> weighting_words(Mixture.of({"a": 1, "b": 4}))
    'a 0.2, b 0.8'
    """
    return ", ".join(f"{name} {weight:.3g}" for name, weight in weights_of(mixture).items())


def _worst(problem: Problem) -> Problem:
    return Problem(problem.tasks, problem.weights, objective="worst", reference=problem.reference)


def _value(problem: Problem, runs: Sequence[Trial]) -> float:
    return fmean(problem.value(run) for run in runs)


def _best(problem: Problem, groups: Groups, even: Mixture) -> Mixture:
    return max(groups, key=lambda mixture: (_value(problem, groups[mixture]), mixture == even))


def _lead(problem: Problem, groups: Groups, mark: str, best: Mixture, even: Mixture, chance: Chance) -> Lead:
    what = unit(problem)
    if best == even:
        level = sum(_value(problem, runs) == _value(problem, groups[even]) for runs in groups.values()) - 1
        beside = f", level with {level} other{'s' * (level > 1)}" if level else ""
        return Lead(mark, best, None, what, f"Equal weights have the {mark} of {len(groups)} weightings{beside}.")
    chance = replace(chance, noise=seed_noise(problem, groups))
    draws = resample(problem, [*groups[best], *groups[even]], chance)
    lead = difference(problem, groups[best], groups[even], draws, chance)
    said = compared(weighting_words(best), [Finding("equal weights", lead, what)])
    return Lead(mark, best, lead, what, f"{mark.capitalize()}: {said}.")


def _marks(mixture: Mixture, even: Mixture, best: Mapping[str, Mixture], *, on_front: bool) -> tuple[str, ...]:
    own = [mark for mark, first in best.items() if first == mixture]
    return (*([EQUAL] if mixture == even else []), *own, *([FRONT] if on_front else []))


def _line(problem: Problem, mixture: Mixture, runs: Sequence[Trial], marks: tuple[str, ...]) -> Weighting:
    (means,) = target_means(problem, {mixture: runs}).tolist()
    losses = {
        name: [run.results[name].loss for run in runs if name in run.results]
        for name in (*mixture.names, *problem.targets)
    }
    known = {name: [loss for loss in found if loss is not None] for name, found in losses.items()}
    return Weighting(
        mixture,
        weights_of(mixture),
        dict(zip(problem.targets, means, strict=True)),
        {name: fmean(found) for name, found in known.items() if found},
        _value(problem, runs),
        _value(_worst(problem), runs),
        len(runs),
        marks,
    )


def _warnings(groups: Groups, leads: Sequence[Lead], asked: int, level: float) -> Iterator[str]:
    if not any(lead.difference for lead in leads):
        return
    yield (
        f"The best of {asked} weightings was chosen on the dev rows that it is compared on, so its lead is optimistic; "
        f"intervals are at {100 * level:.4g} %, so that they hold for all weightings together."
    )
    if all(len(runs) < 2 for runs in groups.values()):
        yield "No weighting was repeated with another seed, so the intervals leave out the noise between seeds."
