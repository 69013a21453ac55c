"""The sweep: every weighter under every learning rate and weight decay, on every seed, at every size of adapters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from transformers import AutoConfig

from benchmarks.balance.contestants import known, obstacle
from benchmarks.balance.pools import Pool
from benchmarks.balance.row import Row
from benchmarks.balance.work import TINY, Case, Work
from cotune.training.balance.choice import EQUAL

SOFTMAX = "uncertainty_softmax"
"""The weighter that the claims are about (UW-SO)."""
WEIGHTERS = (EQUAL, SOFTMAX, "uncertainty", "uncertainty_optimal", "dwa", "gradnorm", "famo")
"""UW-SO and six others: no weighting, the weightings that it comes from, and common ones that go by losses."""


@dataclass(frozen=True)
class Point:
    """Where a training stands: adapters on the top `top` layers, and what it was trained under."""

    top: int
    weighter: str
    lr: float
    decay: float
    seed: int


Points: TypeAlias = Mapping[Point, Row]


@dataclass(frozen=True)
class Sweep:
    """All trainings of `weighters` on a pool: at each size, rate and decay on each seed; rates and seeds are `work`'s.

    Sizes are of what is trained, not of the network: `tops` says on how many layers from the top there are adapters.
    """

    work: Work
    pool: str = "uneven"
    tops: tuple[int, ...] = (2, 6, 12)
    decays: tuple[float, ...] = (0.0, 0.1)
    weighters: tuple[str, ...] = WEIGHTERS

    def __post_init__(self) -> None:
        for name, values in (("--tops", self.tops), ("--lrs", self.work.lrs), ("--decays", self.decays)):
            if len(set(values)) < len(values):
                raise ValueError(f"Values of {name} differ from one another; got {list(values)}.")
        if not self.tops or min(self.tops) < 1:
            raise ValueError(f"--tops are numbers of layers from 1 on; got {list(self.tops)}.")
        if not all(0 <= decay < float("inf") for decay in self.decays):
            raise ValueError(f"--decays are numbers from 0 on; got {list(self.decays)}.")
        for name, values in (("--lrs", self.work.lrs), ("--decays", self.decays)):
            if len(values) < 2:
                raise ValueError(f"{name} are two or more, to see what changes between them; got {list(values)}.")

    @property
    def works(self) -> list[Work]:
        """The work of each size and decay."""
        return [replace(self.work, top=top, weight_decay=decay) for top in self.tops for decay in self.decays]

    @property
    def cases(self) -> list[Case]:
        """The trainings of one size and decay."""
        return [
            Case(self.pool, name, lr, seed, self.work.tokens)
            for seed in range(self.work.seeds)
            for lr in self.work.lrs
            for name in self.weighters
        ]


USUAL = Sweep(Work(lrs=(6e-4, 2e-3, 6e-3), seeds=2))
SMALL = Sweep(TINY, tops=(1, 2), weighters=(EQUAL, SOFTMAX))
"""What `--tiny` trains."""


def point(work: Work, case: Case) -> Point:
    """Gives where a case of a work stands."""
    return Point(work.top, case.contestant, case.lr, work.weight_decay, case.seed)


def check(sweep: Sweep, pool: Pool) -> None:
    """Checks that a model is as deep as the sweep asks for, and that all weighters can train on a pool.

    Raises:
        ValueError: it is not, or one cannot.
    """
    depth = AutoConfig.from_pretrained(sweep.work.model).get_text_config().num_hidden_layers
    if max(sweep.tops) > depth:
        raise ValueError(f"--tops are at most the {depth} layers of {sweep.work.model}; got {list(sweep.tops)}.")
    for name in sweep.weighters:
        reason = obstacle(known()[name], pool.tasks, pool.targets, sweep.work)
        if reason:
            raise ValueError(f"{name} cannot train on {pool.name}: {reason}")
