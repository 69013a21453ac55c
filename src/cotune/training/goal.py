"""Goal: each task's share of the training tokens, and when a trial has trained enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cotune.training.example import Example
from cotune.training.settings import Budget, SizePolicy, Train
from cotune.trial import Request

Pool = Mapping[str, Sequence[Example]]
"""Train examples by task."""

BATCH_TOKENS = 1024


def shares(request: Request, pool: Pool, *, budget: Budget, policy: SizePolicy) -> dict[str, float]:
    """Gives each task's share of the training tokens before any cap; they sum to 1."""
    parts = request.mixture.to_json()
    sizes = {name: sum(example.tokens for example in pool[name]) for name in parts}
    exponent = {"equal": 0.0, "proportional": 1.0, "temperature": 1 / policy.temperature}[policy.kind]
    if budget.kind == "epochs":
        exponent = 1.0
    bases = {name: parts[name] * sizes[name] ** exponent for name in parts}
    return {name: base / sum(bases.values()) for name, base in bases.items()}


@dataclass(frozen=True)
class Goal:
    """When to stop: after so many tokens, examples or batches, and per task after its quota of examples.

    `wanted` are shares of the training tokens by mixture and size policy, `shares` what quotas leave of them. `limits`
    are about the tokens of the quotas, `expected` those of the whole training; `counted` are its examples where it is
    these that the budget counts.
    """

    wanted: Mapping[str, float]
    shares: Mapping[str, float]
    quotas: Mapping[str, float]
    limits: Mapping[str, float]
    expected: float
    counted: float | None = None
    tokens: float = np.inf
    examples: float = np.inf
    steps: float = np.inf

    @classmethod
    def of(cls, request: Request, pool: Pool, budget: Budget, policy: SizePolicy, train: Train) -> "Goal":
        """Gives the goal of `request`; `pool` holds the examples of its tasks."""
        wanted = shares(request, pool, budget=budget, policy=policy)
        rows = {name: len(pool[name]) for name in wanted}
        cap = policy.cap_epochs or np.inf
        amount = budget.amount * request.fidelity
        if budget.kind == "epochs":
            repeats = {name: min(parts * amount, cap) for name, parts in request.mixture.parts}
            quotas = {name: max(round(repeats[name] * rows[name]), 1) for name in rows}
            limits = {name: quotas[name] * mean_tokens(pool[name]) for name in rows}
            return cls(normal(limits), normal(limits), quotas, limits, sum(limits.values()))
        quotas = {name: max(np.floor(cap * rows[name]), 1) for name in rows}
        limits = {name: quotas[name] * mean_tokens(pool[name]) for name in rows}
        expected = _expected_tokens(budget.kind, amount, wanted, pool, train)
        left = capped(wanted, limits, expected)
        bounds = {budget.kind: max(round(amount), 1)}
        most = min(expected, sum(limits.values()))
        return cls(wanted, left, quotas, limits, most, _examples(budget.kind, amount, quotas, train), **bounds)

    def passed(self, tokens: int, count: int) -> float:
        """Gives the fraction of the training that has passed after so many tokens in so many examples."""
        return count / self.counted if self.counted else tokens / self.expected


def _examples(kind: str, amount: float, quotas: Mapping[str, float], train: Train) -> float | None:
    """Gives how many examples a training has, if it is examples that are counted."""
    size = {"examples": 1, "steps": train.batch_examples}.get(kind)
    return min(amount * size, sum(quotas.values())) if size else None


def _expected_tokens(kind: str, amount: float, wanted: Mapping[str, float], pool: Pool, train: Train) -> float:
    """Gives about how many tokens the budget buys."""
    mean = 1 / sum(share / mean_tokens(pool[name]) for name, share in wanted.items())  # tokens of an example
    if kind == "tokens":
        return amount
    if kind == "examples":
        return amount * mean
    return amount * (train.batch_examples * mean if train.batch_examples else train.batch_tokens or BATCH_TOKENS)


def capped(wanted: Mapping[str, float], limits: Mapping[str, float], total: float) -> dict[str, float]:
    """Gives shares in which no task passes its limit in tokens; the others take over what it leaves."""
    full: dict[str, float] = {}
    while True:
        open_tasks = {name: share for name, share in wanted.items() if name not in full}
        left = max(total - sum(full.values()), 0.0)
        granted = {name: left * share for name, share in normal(open_tasks).items()}
        over = {name: limits[name] for name in granted if granted[name] > limits[name]}
        if not over:
            return normal({**full, **granted})
        full |= over


def normal(amounts: Mapping[str, float]) -> dict[str, float]:
    """Gives the amounts as shares of their sum."""
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items()}


def mean_tokens(examples: Sequence[Example]) -> float:
    """Gives how many tokens an example has on average."""
    return sum(example.tokens for example in examples) / len(examples)
