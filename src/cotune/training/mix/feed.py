"""The feed: draws the examples of one batch after the other by shares that may change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from cotune.training.balance.contract import Array
from cotune.training.example import Example

Unit = Literal["tokens", "examples"]


@dataclass(frozen=True)
class Ledger:
    """What was drawn, all [task]: examples, tokens, and how many tokens the shares so far would have been.

    `shares` are those that tokens were drawn by since `mark` tokens in all; `amount` is in the feed's unit.
    """

    counts: Array
    tokens: Array
    owed: Array
    shares: Array
    mark: float = 0.0
    amount: float = 0.0

    @classmethod
    def empty(cls, shares: Array) -> "Ledger":
        """Gives the ledger before anything was drawn."""
        zeros = np.zeros(len(shares))
        return cls(zeros, zeros, zeros, shares)

    def under(self, shares: Array) -> "Ledger":
        """Gives the ledger from which it goes on by other shares: who is behind until now stays so."""
        if np.array_equal(shares, self.shares):
            return self
        total = float(self.tokens.sum())
        owed = self.owed + self.shares * (total - self.mark)
        return Ledger(self.counts, self.tokens, owed, shares, total, self.amount)

    def plus(self, task: int, drawn: Sequence[Example], unit: Unit) -> "Ledger":
        """Gives the ledger after a draw."""
        one = np.eye(len(self.counts))[task]
        tokens = sum(example.tokens for example in drawn)
        amount = self.amount + size_of(drawn, unit)
        counts, total = self.counts + one * len(drawn), self.tokens + one * tokens
        return Ledger(counts, total, self.owed, self.shares, self.mark, amount)

    @property
    def leads(self) -> Array:
        """How far each task is ahead of the others, [task]; infinite where it has no share."""
        ahead = np.full(len(self.shares), np.inf)
        mine = self.shares > 0
        ahead[mine] = (self.tokens - self.owed)[mine] / self.shares[mine]
        return ahead


class Line:
    """The rows of one task in their order, from any place on."""

    def __init__(self, rows: Iterator[Example], *, draw: int, cap: float) -> None:
        self._rows, self._known = rows, list[Example]()
        self.draw, self.cap = draw, cap

    def after(self, count: int) -> list[Example]:
        """Gives what is drawn after `count` examples, of which there are fewer than the cap."""
        size = int(min(self.draw, self.cap - count))
        self._known += islice(self._rows, max(count + size - len(self._known), 0))
        return self._known[count : count + size]

    def until(self, amount: float, unit: Unit) -> list[Example]:
        """Gives the examples that may be drawn until there are so many tokens or examples."""
        found: list[Example] = []
        while amount > 0 and len(found) < self.cap:
            more = self.after(len(found))
            found += more
            amount -= size_of(more, unit)
        return found


def size_of(examples: Sequence[Example], unit: Unit) -> int:
    """Gives how many tokens or examples there are."""
    return sum(example.tokens for example in examples) if unit == "tokens" else len(examples)


def fed(
    lines: Sequence[Line], ledger: Ledger, shares: Array, spare: Array, *, until: float, unit: Unit
) -> tuple[list[Example], Ledger]:
    """Gives the next batch, and the ledger after it: draws of the task furthest behind, to `until` in all.

    The last draw is left out where that is nearer, unless the batch were empty. What tasks at their cap would have goes
    to the others by `shares`, or by `spare` where these have none. Without any left to draw from the batch is empty.
    """
    batch: list[Example] = []
    caps = np.array([line.cap for line in lines])
    while ledger.amount < until:
        free = ledger.counts < caps
        wanted = next((part * free for part in (shares, spare) if (part * free).sum() > 0), None)
        if wanted is None:
            break
        ledger = ledger.under(shares if free[shares > 0].all() else wanted / wanted.sum())
        task = int(np.argmin(ledger.leads))  # the first of equals
        drawn = lines[task].after(int(ledger.counts[task]))
        after = ledger.plus(task, drawn, unit)
        if batch and after.amount - until > until - ledger.amount:
            break
        batch, ledger = batch + drawn, after
    return batch, ledger


def epochs(ledger: Ledger, rows: Sequence[int]) -> Array:
    """Gives how often each task's rows were drawn, [task]."""
    times: Array = ledger.counts / np.array(rows, dtype=np.float64)
    return times
