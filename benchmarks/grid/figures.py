"""The figures: what is best of the grid on dev, and what each rival scores on test beside it and equal weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.balance.figures import Interval
from benchmarks.balance.row import Row
from benchmarks.grid.sweep import Rows, Sweep
from benchmarks.weighters.figures import paired, score
from cotune.training.balance.choice import EQUAL

GRID = "grid"
"""The weighting and rate of the grid that score best on dev."""


@dataclass(frozen=True)
class Line:
    """A contestant: its mean test score at the rate chosen on dev, and differences over seeds.

    `of` is the weighting where it is the grid's best. `trainings` is what its choice took on each seed, `failed` those
    that ended without scores; where no rate has all seeds there is no score. `minus` is the difference from equal
    weights, `behind` how much better the grid's best is.
    """

    name: str
    trainings: int
    failed: int
    of: str = ""
    lr: float | None = None
    score: float | None = None
    minus: Interval | None = None
    behind: Interval | None = None


@dataclass(frozen=True)
class Spread:
    """The mean test scores of all weightings at their chosen rates: how many, least, median, most and of which.

    `above` is how many of them have a higher mean than equal weights.
    """

    weightings: int
    least: float
    middle: float
    most: float
    best: str
    above: int


def lines(sweep: Sweep, rows: Rows) -> list[Line]:
    """Gives a line for the grid and each rival, the best first."""
    equal = _tested(sweep, rows, EQUAL)
    at = best(sweep, rows, sweep.weightings)
    grid = {} if at is None else _by_seed(sweep, rows, *at)
    found = [_line(sweep, rows, name, [name], equal, grid) for name in sweep.rivals]
    found.append(_line(sweep, rows, GRID, sweep.weightings, equal, grid))
    return sorted(found, key=lambda line: (line.score is None, -(line.score or 0.0)))


def spread(sweep: Sweep, rows: Rows) -> Spread | None:
    """Gives how far the weightings of the grid lie apart; None where none has scores."""
    scores = {name: mean(own.values()) for name in sweep.weightings if (own := _tested(sweep, rows, name))}
    if not scores:
        return None
    top = max(scores, key=lambda name: scores[name])
    equal = _tested(sweep, rows, EQUAL)
    above = sum(value > mean(equal.values()) for value in scores.values()) if equal else 0
    values = scores.values()
    return Spread(len(scores), min(values), median(values), scores[top], top, above)


def best(sweep: Sweep, rows: Rows, names: Sequence[str]) -> tuple[str, float] | None:
    """Gives the contestant and rate with the best mean dev score over seeds; a failed training rules both out."""
    found = {}
    for name in names:
        for lr in sweep.work.lrs:
            mine = _rows(sweep, rows, name, lr)
            if not any(row.error for row in mine):
                found[name, lr] = mean(score(row.choose) for row in mine)
    return max(found, key=lambda key: found[key]) if found else None


def _line(
    sweep: Sweep, rows: Rows, name: str, of: Sequence[str], equal: Mapping[int, float], grid: Mapping[int, float]
) -> Line:
    cases = [row for one in of for lr in sweep.work.lrs for row in _rows(sweep, rows, one, lr)]
    failed = sum(bool(row.error) for row in cases)
    trainings = len(cases) // sweep.work.seeds
    at = best(sweep, rows, of)
    if at is None:
        return Line(name, trainings, failed)
    own = _by_seed(sweep, rows, *at)
    chosen = at[0] if name == GRID else ""
    return Line(name, trainings, failed, chosen, at[1], mean(own.values()), paired(own, equal), paired(grid, own))


def _tested(sweep: Sweep, rows: Rows, name: str) -> dict[int, float]:
    """Gives a contestant's test scores by seed at the rate chosen on dev; empty where there is none."""
    at = best(sweep, rows, [name])
    return {} if at is None else _by_seed(sweep, rows, *at)


def _by_seed(sweep: Sweep, rows: Rows, name: str, lr: float) -> dict[int, float]:
    return {seed: score(row.report) for seed, row in enumerate(_rows(sweep, rows, name, lr))}


def _rows(sweep: Sweep, rows: Rows, name: str, lr: float) -> list[Row]:
    return [rows[sweep.case(name, lr, seed)] for seed in range(sweep.work.seeds)]
