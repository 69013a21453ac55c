"""The figures: scores at the chosen rate and decay, their spread over weighters, and what rates and decays change."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from statistics import mean, pstdev

from benchmarks.balance.figures import Interval
from benchmarks.balance.row import Row
from benchmarks.intervals import interval
from benchmarks.weighters.sweep import SOFTMAX, Point, Points, Sweep
from cotune.training.balance.choice import EQUAL

MEASURES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "deviation": pstdev,
    "span": lambda values: max(values) - min(values),
}
"""How far the scores of weighters lie apart: standard deviation, and largest minus least."""


@dataclass(frozen=True)
class Line:
    """A weighter at a size: its mean test score over seeds at the `lr` and `decay` chosen on dev, and differences.

    `minus` is its difference from equal weights, `behind` how much better UW-SO is, both over seeds. `failed` counts
    its trainings at this size that ended without scores; where no rate and decay has all seeds there is no score.
    """

    top: int
    weighter: str
    failed: int
    lr: float | None = None
    decay: float | None = None
    score: float | None = None
    minus: Interval | None = None
    behind: Interval | None = None


@dataclass(frozen=True)
class Spread:
    """How far weighters lie apart at a size by each measure, over seeds, and that minus the same at the first size."""

    top: int
    weighters: int
    apart: Mapping[str, Interval]
    minus: Mapping[str, Interval]


@dataclass(frozen=True)
class Change:
    """Mean absolute changes of the score between two rates, two decays, two seeds, all else equal.

    Without `top` they are of all sizes. `minus` is the change between rates minus that between decays.
    """

    top: int | None
    rates: Interval | None
    decays: Interval | None
    minus: Interval | None
    seeds: float | None


def lines(sweep: Sweep, rows: Points) -> list[Line]:
    """Gives a line for each size and weighter, by size the best first."""
    made = []
    for top in sweep.tops:
        scores = {name: chosen_scores(sweep, rows, top, name) for name in sweep.weighters}
        found = [_line(sweep, rows, top, name, scores) for name in sweep.weighters]
        made += sorted(found, key=lambda line: (line.score is None, -(line.score or 0.0)))
    return made


def spreads(sweep: Sweep, rows: Points) -> list[Spread]:
    """Gives the spread at each size over those weighters that have scores at all of them; none where they are < 2."""
    scores = {top: {name: chosen_scores(sweep, rows, top, name) for name in sweep.weighters} for top in sweep.tops}
    names = [name for name in sweep.weighters if all(scores[top][name] for top in sweep.tops)]
    if len(names) < 2:
        return []
    apart = {
        (top, key): {seed: measure([scores[top][name][seed] for name in names]) for seed in range(sweep.work.seeds)}
        for top in sweep.tops
        for key, measure in MEASURES.items()
    }
    first = sweep.tops[0]
    return [
        Spread(
            top,
            len(names),
            {key: interval(list(apart[top, key].values())) for key in MEASURES},
            {key: paired(apart[top, key], apart[first, key]) for key in MEASURES},
        )
        for top in sweep.tops
    ]


def changes(sweep: Sweep, rows: Points) -> Iterator[Change]:
    """Yields what rates and decays change at each size, then at all."""
    for top in (*sweep.tops, None):
        scores = {at: score(row.report) for at, row in rows.items() if top in (None, at.top) and not row.error}
        by_rate, by_decay = by_seed(moves(scores, "lr")), by_seed(moves(scores, "decay"))
        by_luck = [move for moved in moves(scores, "seed").values() for move in moved]
        yield Change(
            top,
            interval(list(by_rate.values())) if by_rate else None,
            interval(list(by_decay.values())) if by_decay else None,
            paired(by_rate, by_decay),
            mean(by_luck) if by_luck else None,
        )


def chosen(sweep: Sweep, rows: Points, top: int, weighter: str) -> tuple[float, float] | None:
    """Gives the rate and decay with the best mean dev score over seeds; those of which a training failed cannot win."""
    found = {}
    for lr in sweep.work.lrs:
        for decay in sweep.decays:
            mine = list(_runs(sweep, rows, top, weighter, (lr, decay)).values())
            if not any(row.error for row in mine):
                found[lr, decay] = mean(score(row.choose) for row in mine)
    return max(found, key=lambda key: found[key]) if found else None


def chosen_scores(sweep: Sweep, rows: Points, top: int, weighter: str) -> dict[int, float]:
    """Gives the test scores of a weighter at its chosen rate and decay by seed; empty where there is none."""
    best = chosen(sweep, rows, top, weighter)
    if best is None:
        return {}
    return {seed: score(row.report) for seed, row in _runs(sweep, rows, top, weighter, best).items()}


def score(targets: Mapping[str, float]) -> float:
    """Gives the mean score over a pool's targets."""
    return mean(targets.values())


def moves(scores: Mapping[Point, float], axis: str) -> dict[tuple[object, ...], list[float]]:
    """Gives the absolute differences between each two values of an axis, by what else is said of the trainings."""
    place = [field.name for field in fields(Point)].index(axis)
    found = defaultdict(list)
    for at, value in scores.items():
        whole = astuple(at)
        found[(*whole[:place], None, *whole[place + 1 :])].append(value)
    return {key: [abs(one - two) for one, two in combinations(values, 2)] for key, values in found.items()}


def by_seed(found: Mapping[tuple[object, ...], Sequence[float]]) -> dict[int, float]:
    """Gives the mean of moves by seed, which is the last that their keys say."""
    seeds = defaultdict(list)
    for key, values in found.items():
        seeds[key[-1]] += values
    return {seed: mean(values) for seed, values in seeds.items() if values}


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval | None:
    """Gives the mean difference over the seeds that both have, with its interval; None where they share none."""
    values = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    return interval(values) if values else None


def _line(sweep: Sweep, rows: Points, top: int, name: str, scores: Mapping[str, Mapping[int, float]]) -> Line:
    failed = sum(bool(row.error) for at, row in rows.items() if (at.top, at.weighter) == (top, name))
    best = chosen(sweep, rows, top, name)
    if best is None:
        return Line(top, name, failed)
    mine = scores[name]
    minus, behind = paired(mine, scores[EQUAL]), paired(scores[SOFTMAX], mine)
    return Line(top, name, failed, *best, mean(mine.values()), minus, behind)


def _runs(sweep: Sweep, rows: Points, top: int, weighter: str, at: tuple[float, float]) -> dict[int, Row]:
    """Gives the rows of a weighter at a rate and a decay by seed."""
    return {seed: rows[Point(top, weighter, *at, seed)] for seed in range(sweep.work.seeds)}
