"""One search to run, and what holds for all of them."""

from dataclasses import dataclass, field
from typing import TypeAlias

from benchmarks.pools import Pool
from cotune.search import Sampler

Row: TypeAlias = dict[str, str | float]
"""One line of results, as JSON."""


@dataclass(frozen=True)
class Case:
    """A method on targets of a pool, once; several targets count equally.

    `sampler` is what `method` calls, where that is no name which `benchmarks.methods` knows.
    """

    pool: Pool
    targets: tuple[str, ...]
    method: str
    repeat: int
    sampler: Sampler | None = field(default=None, compare=False, repr=False)

    def row(self) -> Row:
        """Gives the columns that name the case."""
        target = "+".join(self.targets)
        names: Row = {"pool": self.pool.group, "table": self.pool.name, "target": target, "method": self.method}
        return names | {"repeat": self.repeat}


@dataclass(frozen=True)
class Rules:
    """What holds for every search: budgets in runs, batch size, noise between seeds, and the seed of all draws."""

    budgets: tuple[int, ...]
    batch: int = 1
    noise: float = 0.0
    seed: int = 0
