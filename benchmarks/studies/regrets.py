"""Normalised regret by method, problem and budget, with what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import Row
from benchmarks.intervals import interval
from benchmarks.studies.study import Found
from benchmarks.summary import Interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Regrets:
    """Regret [problem, budget] of each method, repeats averaged; 0 is the optimum, 1 an average combination."""

    problems: tuple[str, ...]
    budgets: tuple[int, ...]
    of: Mapping[str, Array]

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> Self:
        """Collects what `benchmarks.searching` gave."""
        cells: dict[tuple[str, str, int], list[float]] = {}
        for row in rows:
            place = str(row["method"]), f"{row['table']}/{row['target']}", int(row["budget"])
            cells.setdefault(place, []).append(float(row["nregret"]))
        methods, problems, budgets = (tuple(dict.fromkeys(keys)) for keys in zip(*cells, strict=True))
        of = {
            method: np.array([[np.mean(cells[method, problem, budget]) for budget in budgets] for problem in problems])
            for method in methods
        }
        return cls(problems, budgets, of)

    def to_json(self) -> Found:
        """Gives plain lists, regrets to four decimals."""
        of = {method: values.round(4).tolist() for method, values in self.of.items()}
        return {"problems": list(self.problems), "budgets": list(self.budgets), "regret": of}

    @classmethod
    def from_json(cls, found: Found) -> Self:
        """Reads what `to_json` gave."""
        of = {method: np.array(values) for method, values in found["regret"].items()}
        return cls(tuple(found["problems"]), tuple(found["budgets"]), of)

    def at(self, method: str, budget: int) -> Array:
        """Gives the regrets [problem] of a method after so many runs."""
        return np.asarray(self.of[method][:, self.budgets.index(budget)])

    def mean(self, method: str, budget: int) -> Interval:
        """Gives the mean over problems."""
        return interval(self.at(method, budget).tolist())

    def minus(self, method: str, against: str, budget: int) -> Interval:
        """Gives the mean difference, problem by problem."""
        return interval((self.at(method, budget) - self.at(against, budget)).tolist())

    def first(self, method: str, level: float) -> list[float]:
        """Gives the runs [problem] after which the regret is first at most `level`, infinite where it never is."""
        there = self.of[method] <= level  # [problem, budget]
        runs = np.array(self.budgets, dtype=float)[there.argmax(axis=1)]
        return [float(number) for number in np.where(there.any(axis=1), runs, np.inf)]


def shown(values: Interval) -> str:
    """Writes a figure with its interval."""
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def signed(values: Interval) -> str:
    """Writes a difference with its interval."""
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*values)
