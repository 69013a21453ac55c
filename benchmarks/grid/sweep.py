"""The sweep: every weighting of a grid and every rival, at every learning rate, on every seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from benchmarks.balance.contestants import BASELINES, TURNS, known, obstacle, weighted
from benchmarks.balance.pools import Pool
from benchmarks.balance.row import Row
from benchmarks.balance.work import TINY, Case, Work
from cotune.search.weightings import simplex
from cotune.training.balance.choice import EQUAL

JOINT = tuple(one.name for one in BASELINES)
"""Joint training on the total loss under each size policy; `uniform` draws rows alike, `equal` tokens."""
MERGED = ("average", f"average in {TURNS} turns")
MIXED = ("ama_r", "ama_s", "grape", "multibalance")
"""Whose papers compare with joint training, merging and a uniform mixture."""
WEIGHTERS = (
    *("inverse_size", "mftcoder", "uncertainty", "uncertainty_optimal", "uncertainty_softmax"),
    *("difficulty", "dwa", "coba", "igb", "famo", "gradnorm", "group_dro"),
)
"""Rules that weigh datasets' losses."""

Rows: TypeAlias = Mapping[Case, Row]


@dataclass(frozen=True)
class Sweep:
    """Weights that are multiples of `step` and sum to 1, and `rivals`, on a pool; rates and seeds are `work`'s."""

    work: Work
    pool: Pool
    step: float = 0.1
    rivals: tuple[str, ...] = (*JOINT, *MERGED, *MIXED, *WEIGHTERS)

    def __post_init__(self) -> None:
        if EQUAL not in self.rivals:
            raise ValueError(f"{EQUAL!r} is among the rivals, since all are compared with it; got {list(self.rivals)}.")
        for name in self.rivals:
            reason = obstacle(known()[name], self.pool.tasks, self.pool.targets, self.work)
            if reason:
                raise ValueError(f"{name} cannot train on {self.pool.name}: {reason}")

    @cached_property
    def weightings(self) -> list[str]:
        """The contestants of the grid, by name.

        Raises:
            ValueError: the step does not divide 1, or gives too few or too many.
        """
        names = [task.name for task in self.pool.tasks]
        return [weighted(weighting.to_json()).name for weighting in simplex(names, self.step)]

    @property
    def contestants(self) -> list[str]:
        """All that are trained, the rivals first."""
        return [*self.rivals, *self.weightings]

    def case(self, name: str, lr: float, seed: int) -> Case:
        """Gives a training of the sweep."""
        return Case(self.pool.name, name, lr, seed, self.work.tokens)

    @property
    def cases(self) -> list[Case]:
        """All trainings."""
        return [
            self.case(name, lr, seed)
            for seed in range(self.work.seeds)
            for lr in self.work.lrs
            for name in self.contestants
        ]


USUAL = Work(top=2, seeds=3)
SMALL, SMALL_STEP, SMALL_RIVALS = TINY, 0.25, (EQUAL, MERGED[0], "multibalance")
"""What `--tiny` trains."""
