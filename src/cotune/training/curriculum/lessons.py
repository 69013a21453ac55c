"""Lessons: a study's curriculum with all that it must be told, so that a plan can follow it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from statistics import fmean

import numpy as np

from cotune.training.curriculum.contract import Facts, Phase, Timetable
from cotune.training.curriculum.easy_to_hard import paced
from cotune.training.example import Example
from cotune.training.goal import Goal, Pool, capped

Losses = Callable[[Sequence[Example]], list[float]]
"""Gives each example's mean loss per answer token, of the model as it is."""

SAMPLE = 64
"""Train rows of a task that its loss is measured on."""


def unmeasured(examples: Sequence[Example]) -> list[float]:
    """Stands for losses where nothing measures them.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"This curriculum looks at losses of the model, on {len(examples)} rows; a plan has no model.")


@dataclass(frozen=True)
class Lessons:
    """The curriculum of a study, which of its tasks are targets, and what measures losses. Without a table: none."""

    table: Timetable | None = None
    targets: frozenset[str] = frozenset()
    losses: Losses = unmeasured

    def phases(self, goal: Goal, pool: Pool) -> tuple[Phase, ...]:
        """Gives the phases of a trial; no task passes what a cap on its epochs leaves it, over all of them."""
        if self.table is None or len(pool) < 2:
            return (Phase(1.0, goal.shares),)
        sizes = {name: float(sum(example.tokens for example in rows)) for name, rows in pool.items()}
        measured = {}
        if "losses" in self.table.needs:
            measured = {name: fmean(self.losses(_sample(rows, name))) for name, rows in pool.items()}
        facts = Facts(self.targets & set(pool), sizes, goal.wanted, goal.shares, measured)
        return _within(self.table.phases(facts), goal)

    def rows(self, drawn: Mapping[str, Sequence[Example]], seed: int) -> dict[str, list[Example]] | None:
        """Gives the rows of a trial by task in the order of the curriculum; None leaves them as they were drawn."""
        pacing = self.table.pacing if self.table else None
        if pacing is None:
            return None
        return {
            name: paced(list(rows), self.losses(rows), pacing, np.random.default_rng([seed, _number(name)]))
            for name, rows in drawn.items()
        }


def _within(phases: Sequence[Phase], goal: Goal) -> tuple[Phase, ...]:
    """Gives phases that keep to the goal's limits by task: what a task may not take goes to the others of its phase."""
    left = dict(goal.limits)
    kept, begin = [], 0.0
    for phase in phases:
        tokens = (phase.until - begin) * goal.expected
        begin = phase.until
        wanted = {name: share for name, share in phase.shares.items() if left[name] >= 1}
        if not wanted:
            continue
        shares = capped(wanted, left, tokens)
        left |= {name: left[name] - min(share * tokens, left[name]) for name, share in shares.items()}
        kept.append(Phase(phase.until, shares))
    return (*kept[:-1], Phase(1.0, kept[-1].shares))


def _sample(rows: Sequence[Example], name: str) -> list[Example]:
    """Gives the rows that a task's loss is measured on; which hangs on its name alone."""
    chosen = np.random.default_rng(_number(name)).permutation(len(rows))[:SAMPLE]
    return [rows[place] for place in sorted(chosen)]


def _number(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8])
