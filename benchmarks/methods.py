"""The search methods that can be named, and one search with one of them on one table."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from cotune import search
from cotune.search import Sampler
from cotune.testing import Table
from cotune.trial import Trial
from cotune.verdict.winner import choose

Row: TypeAlias = dict[str, str | float]

METHODS: Mapping[str, Sampler] = MappingProxyType(
    {
        "random": search.random,
        "target_only": search.target_only,
        "all": search.all_datasets,
        "leave_one_out": search.leave_one_out,
        "greedy_forward": search.greedy_forward,
        "greedy_backward": search.greedy_backward,
        "anchored_greedy": search.anchored_greedy,
        "neural": search.neural,
        "process": search.process,
        "default": search.default,
    }
)


@dataclass(frozen=True)
class Case:
    """One search to run: a method on targets of a table, once; several targets count equally."""

    pool: str
    name: str
    table: Table
    targets: tuple[str, ...]
    method: str
    repeat: int

    def row(self) -> Row:
        """Gives the columns that name the case."""
        table, target = self.name, "+".join(self.targets)
        return {"pool": self.pool, "table": table, "target": target, "method": self.method, "repeat": self.repeat}


@dataclass(frozen=True)
class Rules:
    """What holds for every search: budgets in runs, batch size, noise between seeds, and the seed of all draws."""

    budgets: tuple[int, ...]
    batch: int = 1
    noise: float = 0.0
    seed: int = 0


def run(case: Case, rules: Rules) -> list[Row]:
    """Gives one row of results for each budget.

    Every fine-tuning counts, anchors included; a run reveals all tasks' scores; the choice is among those run.
    """
    problem = case.table.problem(*case.targets)
    evaluate = case.table.evaluate(*case.targets, noise=rules.noise, seed=rules.seed + case.repeat)
    sampler, trials, spent = METHODS[case.method], list[Trial](), list[float]()
    while len(trials) < max(rules.budgets):
        rng = np.random.default_rng([rules.seed, case.repeat, len(trials)])
        count = min(rules.batch, max(rules.budgets) - len(trials))
        start = time.perf_counter()
        proposals = sampler(problem, trials, [], rng, count)
        if not proposals:
            break
        spent += [(time.perf_counter() - start) / len(proposals)] * len(proposals)
        trials += evaluate([proposal.request for proposal in proposals])
    return [_row(case, rules, trials[:budget], spent[:budget], budget) for budget in rules.budgets]


def _row(case: Case, rules: Rules, trials: Sequence[Trial], spent: Sequence[float], budget: int) -> Row:
    truth = case.table.values(*case.targets)
    values = np.array(list(truth.values()))  # [mixture]
    chosen = truth[choose(case.table.problem(*case.targets), trials)]
    rank = 1 + int((values > chosen).sum())
    spread = values.max() - values.mean()
    return case.row() | {
        "budget": budget,
        "batch": rules.batch,
        "noise": rules.noise,
        "nregret": float((values.max() - chosen) / spread) if spread > 0 else 0.0,
        "rank_percent": 100 * rank / len(values),
        "top1": rank == 1,
        "top1pct": rank <= math.ceil(0.01 * len(values)),
        "runs": len(trials),
        "seconds_per_proposal": float(np.mean(spent)),
    }
