"""Exhaustively trained pools as lookup tables: what a search finds costs no training."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Task
from cotune.testing.landscapes import Landscape
from cotune.trial import Evaluate, Point, Request, TaskResult, Trial, each

Score = Literal["nll", "em"]


@dataclass(frozen=True)
class Table:
    """Every task's score after training on each of some combinations; a score that was not measured is nan.

    `curve` has the dev losses after `fractions` of the budget, where they were recorded.

    >>> table = Table(("a", "b"), np.array([[1, 0], [1, 1]]), np.array([[0.5, 0.1], [0.7, 0.6]]))
    >>> [trial.results["a"].score for trial in table.evaluate("a")([Request(Mixture.of(["a", "b"]))])]
    [0.7]
    """

    names: tuple[str, ...]
    parts: NDArray[np.int64]  # [run, task]
    scores: NDArray[np.float64]  # [run, task]
    fractions: tuple[float, ...] = ()
    curve: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0, 0)))  # [run, point, task]

    def problem(self, *targets: str) -> Problem:
        """Gives the problem to find the combination with the best mean score over `targets`."""
        return Problem([Task(name) for name in self.names], targets=targets)

    def values(self, *targets: str) -> dict[Mixture, float]:
        """Gives the mean score over `targets` of every combination that holds them all."""
        rows = self._holding(targets)
        columns = [self.names.index(name) for name in targets]
        means = self.scores[rows][:, columns].mean(axis=1)  # [run]
        return {self._mixture(int(row)): float(value) for row, value in zip(rows, means, strict=True)}

    def evaluate(self, *targets: str, noise: float = 0.0, seed: int = 0) -> Evaluate:
        """Gives an `Evaluate` that looks combinations up, with normal noise of its own for every (mixture, seed).

        `noise` is in units of the distance from the median to the best score of each task, over the combinations that
        hold all `targets`. A request that may be stopped early is told the recorded losses, and stopped by them.

        Raises:
            ValueError: (when called) a mixture is not in the table, or a repeat is asked for although nothing is noisy.
        """
        rows = {self._mixture(row): row for row in range(len(self.parts))}
        possible = self.scores[self._holding(targets)]  # [run, task]
        spread = noise * _reach(possible)  # [task]

        def look_up(request: Request) -> Trial:
            if request.mixture not in rows:
                raise ValueError(f"The table has no run of {request.mixture}; ask for equal parts of {self.names}.")
            if request.seed and not noise:
                raise ValueError(f"A repeat of {request.mixture} tells nothing: the table has one score and no noise.")
            row = rows[request.mixture]
            rng = np.random.default_rng([seed, row, request.seed])
            scores = self.scores[row] + spread * rng.standard_normal(len(self.names))  # [task]
            known = {name: float(s) for name, s in zip(self.names, scores, strict=True) if np.isfinite(s)}
            curve, reached = self._climb(row, request)
            results = {name: TaskResult(s) for name, s in known.items()} if reached == 1 else {}
            return Trial(request, results, curve=curve, reached=reached)

        return each(look_up)

    def _climb(self, row: int, request: Request) -> tuple[tuple[Point, ...], float]:
        """Gives the points that the request asks for, up to where its limits stop it, and that fraction."""
        asked = {fraction for fraction, _ in request.stop.limits} if request.stop else set()
        points: list[Point] = []
        for place, fraction in enumerate(self.fractions):
            if request.stop is None or fraction not in asked:
                continue
            losses = dict(zip(self.names, self.curve[row, place].tolist(), strict=True))
            points.append(Point(fraction, losses))
            if request.stop.is_hopeless(fraction, losses):
                return tuple(points), fraction
        return tuple(points), 1.0

    def _holding(self, targets: Sequence[str]) -> NDArray[np.int64]:
        columns = [self.names.index(name) for name in targets]
        return np.flatnonzero(self.parts[:, columns].all(axis=1))

    def _mixture(self, row: int) -> Mixture:
        return Mixture.of([name for name, inside in zip(self.names, self.parts[row], strict=True) if inside])


def _reach(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the distance from median to best [task] of the measured ones of `scores` [run, task]."""
    columns = [column[np.isfinite(column)] for column in scores.T]
    return np.array([column.max() - np.median(column) if len(column) else 0.0 for column in columns])


def load_table(path: str | Path, *, score: Score = "nll", seed: int | None = None) -> Table:
    """Reads a table of `names`, `mask` and scores from an .npz file; a higher score is better.

    A table of several seeds, as `cotune exhaust` writes it, gives their mean, or the runs of the `seed`-th of them.

    Raises:
        ValueError: an array is missing, or a combination appears twice.
    """
    with np.load(path, allow_pickle=False) as arrays:
        missing = sorted({"names", "mask", score} - set(arrays.files))
        if missing:
            raise ValueError(f"{path}: a table holds names, mask and {score}; missing: {missing}.")
        names, mask = arrays["names"], arrays["mask"].astype(np.int64)
        scores = (arrays[score] if seed is None else arrays[f"{score}_seeds"][seed]).astype(float)  # [run, task]
        fractions = tuple(arrays["fractions"].tolist()) if "fractions" in arrays.files else ()
        curves = arrays["nll_curve"] if fractions else np.empty((1, 0, 0, 0))  # [seed, run, point, task]
    if len(set(mask.tolist())) < len(mask):
        raise ValueError(f"{path}: each combination has one run; some masks appear twice.")
    parts = (mask[:, None] >> np.arange(len(names))) & 1  # [run, task]
    curve = curves.mean(axis=0) if seed is None else curves[seed]  # [run, point, task]
    return Table(tuple(map(str, names)), parts, -scores if score == "nll" else scores, fractions, curve)


def tabulate(landscape: Landscape) -> Table:
    """Gives the table of every combination of a landscape; exponential in the number of tasks."""
    n = len(landscape.names)
    parts = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1  # [run, task]
    return Table(landscape.names, parts, landscape.scores(parts))


def table_evaluate(path: str | Path, target: str, *, score: Score = "nll", noise: float = 0.0) -> Evaluate:
    """Gives an `Evaluate` that answers from the table in `path`, as `Table.evaluate` does."""
    return load_table(path, score=score).evaluate(target, noise=noise)
