"""Draws: the examples of a trial one after another, and the batches that they make."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from cotune.training.example import Example
from cotune.training.goal import BATCH_TOKENS, Goal
from cotune.training.settings import Train


@dataclass
class Line:
    """What was drawn of one task so far."""

    rows: Iterator[Example]
    share: float
    quota: float
    tokens: int = 0
    count: int = 0

    @property
    def lead(self) -> float:
        """How far it is ahead of the others."""
        return self.tokens / self.share


def draws(rows: Mapping[str, Iterator[Example]], goal: Goal, train: Train) -> Iterator[list[Example]]:
    """Yields the next examples of the task that is furthest behind, until the goal is met or all quotas are used."""
    lines = {name: Line(rows[name], goal.shares[name], goal.quotas[name]) for name in rows}
    tokens = count = 0
    while open_lines := {name: line for name, line in lines.items() if line.count < line.quota}:
        name = min(open_lines, key=lambda name: (lines[name].lead, name))
        line = lines[name]
        size = int(min(train.of(name).draw, line.quota - line.count, goal.examples - count))
        drawn = [next(line.rows) for _ in range(size)]
        new = sum(example.tokens for example in drawn)
        if tokens and tokens + new - goal.tokens > goal.tokens - tokens:
            return
        yield drawn
        line.tokens += new
        line.count += size
        tokens += new
        count += size
        if tokens >= goal.tokens or count >= goal.examples:
            return


def full_batches(picks: Iterator[list[Example]], goal: Goal, train: Train) -> Iterator[tuple[Example, ...]]:
    """Yields full batches: after k of them k times the batch size was drawn, to within one draw."""
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
        if made >= goal.steps:
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
