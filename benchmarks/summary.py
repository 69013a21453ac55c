"""Summaries of benchmark rows: figures over problems with intervals, and paired differences from one method."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.intervals import interval

Row: TypeAlias = Mapping[str, str | float]
Interval: TypeAlias = tuple[float, float, float]
"""A figure with the ends of its 95 % bootstrap interval over problems."""
Problem: TypeAlias = tuple[str | float, str | float]
"""A table and a target; its repeats are averaged first."""

EVERYWHERE = "all tables"


@dataclass(frozen=True)
class Line:
    """What one method reached after one budget on the problems of a pool.

    `mean` has every figure, `median` and `quantile90` are of the first one. `minus` has the mean paired difference
    from the method compared against, problem by problem, for every figure; it is empty where that took no part.
    """

    pool: str
    method: str
    budget: int
    problems: int
    mean: Mapping[str, Interval]
    median: Interval
    quantile90: Interval
    minus: Mapping[str, Interval]


def summarise(rows: Sequence[Row], figures: Sequence[str], *, against: str) -> list[Line]:
    """Gives a line for each pool (all of them first, if there are several), budget and method."""
    pools = list(dict.fromkeys(str(row["pool"]) for row in rows))
    return [
        line
        for pool in [*([EVERYWHERE] if len(pools) > 1 else []), *pools]
        for budget in sorted({int(row["budget"]) for row in rows})
        for line in _lines(
            (pool, budget),
            [row for row in rows if row["budget"] == budget and pool in (row["pool"], EVERYWHERE)],
            figures,
            against,
        )
    ]


def _lines(place: tuple[str, int], rows: Sequence[Row], figures: Sequence[str], against: str) -> Iterator[Line]:
    methods = dict.fromkeys(str(row["method"]) for row in rows)
    found = {method: _by_problem(row for row in rows if row["method"] == method) for method in methods}
    reference = found.get(against, {})
    for method, problems in found.items():
        first = [row[figures[0]] for row in problems.values()]
        both = [problem for problem in problems if problem in reference]
        yield Line(
            place[0],
            method,
            place[1],
            problems=len(problems),
            mean={figure: interval([row[figure] for row in problems.values()]) for figure in figures},
            median=interval(first, _median),
            quantile90=interval(first, _quantile90),
            minus={
                figure: interval([problems[problem][figure] - reference[problem][figure] for problem in both])
                for figure in figures
                if both
            },
        )


def _by_problem(rows: Iterable[Row]) -> dict[Problem, dict[str, float]]:
    """Gives every number of each problem's rows, averaged over repeats."""
    repeats: dict[Problem, list[Row]] = defaultdict(list)
    for row in rows:
        repeats[row["table"], row["target"]].append(row)
    return {problem: _average(found) for problem, found in repeats.items()}


def _average(rows: Sequence[Row]) -> dict[str, float]:
    numbers = [name for name, value in rows[0].items() if not isinstance(value, str)]
    return {name: float(np.mean([float(row[name]) for row in rows])) for name in numbers}


def _median(resamples: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.median(resamples, axis=1))


def _quantile90(resamples: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.quantile(resamples, 0.9, axis=1))
