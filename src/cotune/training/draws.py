"""Draws: the examples of a trial one after another, and the batches that they make."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

import numpy as np

from cotune.training.curriculum.contract import Phase
from cotune.training.example import Example
from cotune.training.goal import BATCH_TOKENS, Goal
from cotune.training.settings import Train

Draw: TypeAlias = tuple[int, list[Example]]
"""The number of a phase, and examples of one task that are drawn together."""


@dataclass
class Line:
    """What was drawn of one task so far; `due` tokens of it belong before the phase in which it has `share`."""

    rows: Iterator[Example]
    quota: float
    share: float = 1.0
    due: float = 0.0
    tokens: int = 0
    count: int = 0

    @property
    def lead(self) -> float:
        """How far it is ahead of the others."""
        return (self.tokens - self.due) / self.share

    def next(self, size: float) -> list[Example]:
        """Takes `size` examples, or what its quota leaves of these."""
        drawn = [next(self.rows) for _ in range(int(min(size, self.quota - self.count)))]
        self.count += len(drawn)
        return drawn


def draws(rows: Mapping[str, Iterator[Example]], goal: Goal, phases: Sequence[Phase], train: Train) -> Iterator[Draw]:
    """Yields the next examples of the task that is furthest behind, phase by phase, until the goal is met.

    A phase also ends when the quotas of all of its tasks are used.
    """
    lines = {name: Line(rows[name], goal.quotas[name]) for name in rows}
    tokens = count = 0
    for number, phase in enumerate(phases):
        before, mine = tokens, {name: lines[name] for name in lines if name in phase.shares}
        for name, line in mine.items():
            line.share = phase.shares[name]
        while open_lines := [name for name, line in mine.items() if line.count < line.quota]:
            name = min(open_lines, key=lambda name: (lines[name].lead, name))
            drawn = lines[name].next(min(train.of(name).draw, goal.examples - count))
            new = sum(example.tokens for example in drawn)
            if tokens and tokens + new - goal.tokens > goal.tokens - tokens:
                return
            yield number, drawn
            lines[name].tokens += new
            tokens += new
            count += len(drawn)
            if tokens >= goal.tokens or count >= goal.examples:
                return
            if number + 1 < len(phases) and goal.passed(tokens, count) >= phase.until:
                break
        for line in mine.values():
            line.due += line.share * (tokens - before)


def full_batches(
    picks: Iterable[Sequence[Example]], train: Train, *, most: float = np.inf
) -> Iterator[tuple[Example, ...]]:
    """Yields at most `most` full batches: after k of them k times the batch size was drawn, to within one draw."""
    size = train.batch_examples or train.batch_tokens or BATCH_TOKENS
    batch: list[Example] = []
    drawn = made = 0
    for examples in picks:
        batch += examples
        drawn += len(examples) if train.batch_examples else sum(example.tokens for example in examples)
        if drawn < (made + 1) * size:
            continue
        yield tuple(batch)
        batch, made = [], made + 1
        if made >= most:
            return
    if batch:
        yield tuple(batch)


def without_rest(batches: list[tuple[Example, ...]]) -> tuple[tuple[Example, ...], ...]:
    """Adds a last batch of less than half the size of the one before to that one: alone it would be a noisy step."""
    if len(batches) < 2 or 2 * len(batches[-1]) >= len(batches[-2]):
        return tuple(batches)
    *head, before, rest = batches
    return (*head, before + rest)


def order(examples: Sequence[Example], seed: int, name: str) -> Iterator[Example]:
    """Yields the examples for ever, each pass in a new order."""
    rng = np.random.default_rng([seed, int.from_bytes(sha256(name.encode()).digest()[:8])])
    while True:
        for index in rng.permutation(len(examples)):
            yield examples[index]
