"""Mixing: which examples a trial trains on, in which batches, so that every task gets its share of the budget.

A share is a share of training tokens. Examples are drawn one by one for the task that is furthest behind its share, so
that at any moment each task has its share to within an example, and the order of a task's rows depends on the seed and
the task alone: two mixtures show a shared task's rows in the same order, which makes their difference less noisy.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.settings import Budget, SizePolicy, Train
from cotune.trial import Exposure, Request

Pool = Mapping[str, Sequence[Example]]
"""Train examples by task."""

BATCH_TOKENS = 1024


@dataclass(frozen=True)
class Plan:
    """The batches of one trial, and what they hold of each task."""

    batches: tuple[tuple[Example, ...], ...]
    exposure: Mapping[str, Exposure]

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples in the order of training."""
        return tuple(example for batch in self.batches for example in batch)


def plan(request: Request, pool: Pool, *, budget: Budget, policy: SizePolicy, train: Train) -> Plan:
    """Gives the batches of `request`; `pool` holds the train examples of every task in its mixture.

    Raises:
        TrialError: a task of the mixture has no examples.
    """
    empty = sorted(name for name in request.mixture.names if not pool[name])
    if empty:
        raise TrialError(f"No train rows to use in {empty}: the split is empty, or every answer is over-long.")
    mine = {name: pool[name] for name in request.mixture.names}
    goal = _Goal.of(request, mine, budget, policy, train)
    batches = _without_rest(list(_batches(_draws(request, mine, goal, train), goal, train)))
    return Plan(batches, exposure_of(batches, mine))


def exposed(drawn: Plan, steps: int, pool: Pool) -> Mapping[str, Exposure]:
    """Gives what the first `steps` batches of a plan hold of each task."""
    return drawn.exposure if steps >= len(drawn.batches) else exposure_of(drawn.batches[:steps], pool)


def shares(request: Request, pool: Pool, *, budget: Budget, policy: SizePolicy) -> dict[str, float]:
    """Gives each task's share of the training tokens before any cap; they sum to 1."""
    parts = request.mixture.to_json()
    sizes = {name: sum(example.tokens for example in pool[name]) for name in parts}
    exponent = {"equal": 0.0, "proportional": 1.0, "temperature": 1 / policy.temperature}[policy.kind]
    if budget.kind == "epochs":
        exponent = 1.0
    bases = {name: parts[name] * sizes[name] ** exponent for name in parts}
    return {name: base / sum(bases.values()) for name, base in bases.items()}


def capped_shares(
    request: Request, pool: Pool, *, budget: Budget, policy: SizePolicy, train: Train
) -> dict[str, float]:
    """Gives each task's share of the training tokens that a plan aims at, repetition caps and all; they sum to 1."""
    return dict(_Goal.of(request, pool, budget, policy, train).shares)


@dataclass(frozen=True)
class _Goal:
    """When to stop: after so many tokens, examples or batches, and per task after its quota of examples."""

    shares: Mapping[str, float]
    quotas: Mapping[str, float]
    tokens: float = np.inf
    examples: float = np.inf
    steps: float = np.inf

    @classmethod
    def of(cls, request: Request, pool: Pool, budget: Budget, policy: SizePolicy, train: Train) -> "_Goal":
        wanted = shares(request, pool, budget=budget, policy=policy)
        rows = {name: len(pool[name]) for name in wanted}
        cap = policy.cap_epochs or np.inf
        amount = budget.amount * request.fidelity
        if budget.kind == "epochs":
            repeats = {name: min(parts * amount, cap) for name, parts in request.mixture.parts}
            quotas = {name: max(round(repeats[name] * rows[name]), 1) for name in rows}
            return cls(_normal({name: quotas[name] * _mean_tokens(pool[name]) for name in rows}), quotas)
        quotas = {name: max(np.floor(cap * rows[name]), 1) for name in rows}
        limits = {name: quotas[name] * _mean_tokens(pool[name]) for name in rows}
        expected = _expected_tokens(budget.kind, amount, wanted, pool, train)
        return cls(_capped(wanted, limits, expected), quotas, **{budget.kind: max(round(amount), 1)})


def _expected_tokens(kind: str, amount: float, wanted: Mapping[str, float], pool: Pool, train: Train) -> float:
    """Gives about how many tokens the budget buys."""
    mean = 1 / sum(share / _mean_tokens(pool[name]) for name, share in wanted.items())  # tokens of an example
    if kind == "tokens":
        return amount
    if kind == "examples":
        return amount * mean
    return amount * (train.batch_examples * mean if train.batch_examples else train.batch_tokens or BATCH_TOKENS)


def _capped(wanted: Mapping[str, float], limits: Mapping[str, float], total: float) -> dict[str, float]:
    """Gives shares in which no task passes its limit in tokens; the others take over what it leaves."""
    full: dict[str, float] = {}
    while True:
        open_tasks = {name: share for name, share in wanted.items() if name not in full}
        left = max(total - sum(full.values()), 0.0)
        granted = {name: left * share for name, share in _normal(open_tasks).items()}
        over = {name: limits[name] for name in granted if granted[name] > limits[name]}
        if not over:
            return _normal({**full, **granted})
        full |= over


def _normal(amounts: Mapping[str, float]) -> dict[str, float]:
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items()}


def _mean_tokens(examples: Sequence[Example]) -> float:
    return sum(example.tokens for example in examples) / len(examples)


@dataclass
class _Line:
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


def _draws(request: Request, pool: Pool, goal: _Goal, train: Train) -> Iterator[list[Example]]:
    """Yields the next examples of the task that is furthest behind, until the goal is met or all quotas are used."""
    lines = {name: _Line(order(pool[name], request.seed, name), goal.shares[name], goal.quotas[name]) for name in pool}
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


def _batches(draws: Iterator[list[Example]], goal: _Goal, train: Train) -> Iterator[tuple[Example, ...]]:
    """Yields full batches: after k of them k times the batch size was drawn, to within one draw."""
    size = train.batch_examples or train.batch_tokens or BATCH_TOKENS
    batch: list[Example] = []
    drawn = made = 0
    for examples in draws:
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


def _without_rest(batches: list[tuple[Example, ...]]) -> tuple[tuple[Example, ...], ...]:
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


def exposure_of(batches: Sequence[Sequence[Example]], pool: Pool) -> dict[str, Exposure]:
    """Gives what batches hold of each task."""
    seen = [example for batch in batches for example in batch]
    return {
        name: Exposure(
            tokens=sum(example.tokens for example in seen if example.task == name),
            examples=sum(example.task == name for example in seen),
            epochs=sum(example.task == name for example in seen) / len(pool[name]),
            truncated=sum(example.truncated for example in seen if example.task == name),
        )
        for name in pool
    }
