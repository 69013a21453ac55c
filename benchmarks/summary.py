"""Summaries of benchmark rows: means over problems with intervals, as data and as Markdown."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from benchmarks.intervals import interval

Row: TypeAlias = Mapping[str, str | float]
Interval: TypeAlias = tuple[float, float, float]
Problem: TypeAlias = tuple[str | float, str | float]

REFERENCE = "default"
EVERYWHERE = "all tables"


@dataclass(frozen=True)
class Line:
    """What one method reached after one budget on the problems of a pool: mean and 95 % interval of each figure.

    Median, 90 % quantile and `versus` belong to the first figure; `versus` is the paired difference from `default`,
    positive where the method has more than `default`.
    """

    pool: str
    method: str
    budget: int
    problems: int
    figures: Mapping[str, Interval]
    median: float
    quantile90: float
    versus: Interval | None


def summarise(rows: Sequence[Row], figures: Sequence[str]) -> list[Line]:
    """Gives a line for each pool, method and budget; a problem is a target of a table, its repeats averaged first."""
    pools = list(dict.fromkeys(str(row["pool"]) for row in rows))
    lines: list[Line] = []
    for pool in [*([EVERYWHERE] if len(pools) > 1 else []), *pools]:
        inside = [row for row in rows if pool in (row["pool"], EVERYWHERE)]
        for method in dict.fromkeys(str(row["method"]) for row in inside):
            for budget in sorted({int(row["budget"]) for row in inside}):
                now = [row for row in inside if row["budget"] == budget]
                lines.append(_line((pool, method, budget), now, figures))
    return lines


def _line(name: tuple[str, str, int], rows: Sequence[Row], figures: Sequence[str]) -> Line:
    own = [row for row in rows if row["method"] == name[1]]
    first = _by_problem(own, figures[0])
    reference = _by_problem([row for row in rows if row["method"] == REFERENCE], figures[0])
    differences = [first[problem] - reference[problem] for problem in first if problem in reference]
    return Line(
        *name,
        problems=len(first),
        figures={figure: interval(list(_by_problem(own, figure).values())) for figure in figures},
        median=float(np.median(list(first.values()))),
        quantile90=float(np.quantile(list(first.values()), 0.9)),
        versus=interval(differences) if differences else None,
    )


def _by_problem(rows: Iterable[Row], figure: str) -> dict[Problem, float]:
    repeats: dict[Problem, list[float]] = defaultdict(list)
    for row in rows:
        repeats[row["table"], row["target"]].append(float(row[figure]))
    return {problem: float(np.mean(values)) for problem, values in repeats.items()}


def markdown(lines: Sequence[Line], figure: str, share: str | None = None) -> str:
    """Gives a table for each pool, methods down and budgets across; a cell has `figure`, its interval and `share`."""
    text: list[str] = []
    for pool in dict.fromkeys(line.pool for line in lines):
        inside = [line for line in lines if line.pool == pool]
        budgets = sorted({line.budget for line in inside})
        text += ["", f"**{pool}** ({inside[0].problems} problems)", ""]
        text += ["| method | " + " | ".join(f"{budget} runs" for budget in budgets) + " |"]
        text += ["|---" * (len(budgets) + 1) + "|"]
        for method in dict.fromkeys(line.method for line in inside):
            cells = [_cell(line, figure, share) for line in inside if line.method == method]
            text.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(text).strip() + "\n"


def _cell(line: Line, figure: str, share: str | None) -> str:
    text = "{:.3f} [{:.3f}, {:.3f}]".format(*line.figures[figure])
    return text if share is None else f"{text}, {line.figures[share][0]:.0%}"
