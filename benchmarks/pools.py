"""The pools that are searched: shipped tables, a user's tables, a study's trials, synthetic landscapes."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.study_table import study_table
from cotune.problem import Problem
from cotune.task import Task
from cotune.testing import Knobs, Regime, Table, landscape, load_table, tabulate
from cotune.testing.tables import Score

SHIPPED = tuple(Path(__file__).parent / "tables" / name for name in ("ner11.npz", "gen9.npz"))


@dataclass(frozen=True)
class Pool:
    """A table with a name of its own; pools of one `group` are summarised together.

    `tasks` are the table's tasks with their rows, if those are to be seen.
    """

    group: str
    name: str
    table: Table
    tasks: tuple[Task, ...] = ()

    def problem(self, *targets: str) -> Problem:
        """Gives the problem to find the combination with the best mean score over `targets`."""
        return Problem(self.tasks, targets) if self.tasks else self.table.problem(*targets)

    @cached_property
    def mark(self) -> str:
        """Fingerprint of what the table holds, whatever it is called."""
        content = json.dumps(self.table.names).encode() + self.table.parts.tobytes() + self.table.scores.tobytes()
        return hashlib.sha256(content).hexdigest()[:12]

    def targets(self, together: int = 1) -> Iterator[tuple[str, ...]]:
        """Yields each measured task with the `together - 1` that follow it, the first ones after the last.

        A choice needs two runs that hold all of them; targets without are left out.
        """
        names = [name for name in self.table.names if self._is_measured((name,))]
        turns = (tuple([*names, *names][start : start + together]) for start in range(len(names)))
        yield from (turn for turn in turns if len(set(turn)) == together and self._is_measured(turn))

    def _is_measured(self, targets: tuple[str, ...]) -> bool:
        columns = [self.table.names.index(name) for name in targets]
        runs = self.table.parts[:, columns].all(axis=1)  # [run]
        return runs.sum() > 1 and bool(np.isfinite(self.table.scores[runs][:, columns]).all())


def open_pool(path: Path, score: Score) -> Pool:
    """Opens a table (.npz) or the folder of a study; both are named after the file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no table, or nothing in it can be a target.
    """
    table = study_table(path, score=score) if path.is_dir() else load_table(path, score=score)
    name = path.resolve().name if path.is_dir() else path.stem
    pool = Pool(name, name, table)
    if not any(pool.targets()):
        raise ValueError(f"{path}: a target has a finite {score} in two or more runs that hold it; no task has.")
    return pool


def draw_pools(count: int, regimes: Sequence[Regime], seed: int, knobs: Mapping[str, float]) -> Iterator[Pool]:
    """Draws `count` landscapes a regime; 8 to 12 tasks and three strengths of jitter in turn unless `knobs` say."""
    for number in range(count):
        for index, regime in enumerate(get_args(Regime)):
            if regime not in regimes:
                continue
            turn = {"size": 8 + number % 5, "jitter": (0.05, 0.2, 0.5)[number % 3], **knobs}
            size, jitter = int(turn.pop("size")), turn.pop("jitter")
            rng = np.random.default_rng([seed, index, number])
            drawn = landscape(regime, rng, size=size, jitter=jitter, knobs=Knobs(**turn))
            yield Pool(regime, f"{regime}-{number}", tabulate(drawn))


def holds_shipped(pools: Iterable[Pool]) -> bool:
    """Tells whether one of the pools is one of the test tables, under whatever name it was opened."""
    scores: tuple[Score, ...] = get_args(Score)
    marks = {open_pool(path, score).mark for path in SHIPPED for score in scores}
    return any(pool.mark in marks for pool in pools)
