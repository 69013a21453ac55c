"""One search with one method on one table: what it asks for, what it is told, what it chooses.

Every fine-tuning counts, anchors and repeats included; a run reveals all tasks' scores; the choice is among those run.
What the table cannot answer is refused: a combination that it has no run of or that lacks a target, a fraction of the
budget, a request made before, and, without noise, any repeat. The method is told that the trial failed, at no cost, and
is asked again. After `PATIENCE` answers that were nothing but refusals, the run nearest to its first wish stands in.
Where runs are noisy our own methods search as a study without confirmation does: both anchors twice first, and repeats
where they are worth more than a new combination.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.case import Case, Row, Rules
from benchmarks.methods import is_planned, sampler_of
from cotune.config.names import SAMPLERS
from cotune.mixture import Mixture
from cotune.study.fallback import propose
from cotune.study.phases import opening
from cotune.study.plan import Plan
from cotune.study.repeats import with_repeats
from cotune.trial import Evaluate, Proposal, Record, Request, Trial
from cotune.verdict.winner import choose

PATIENCE = 8


@dataclass(frozen=True)
class Run:
    """One fine-tuning that a search paid for, with the seconds that it took to propose and the refusals before it."""

    trial: Trial
    seconds: float
    refused: int


class Desk:
    """Answers a search from a table, refuses what the table cannot answer, and keeps count of both."""

    def __init__(self, truth: Mapping[Mixture, float], evaluate: Evaluate, *, is_noisy: bool) -> None:
        """Opens before the first request; `truth` has all that can be asked for."""
        self.told: list[Record] = []
        self.runs: list[Run] = []
        self.is_over = False
        self._truth, self._evaluate, self._is_noisy = truth, evaluate, is_noisy
        self._asked: set[Request] = set()
        self._refused = self._misses = 0
        self._seconds = 0.0
        self._proposed: dict[Request, Proposal] = {}

    def answer(self, proposals: Sequence[Proposal], seconds: float) -> None:
        """Runs what can be run and refuses the rest; proposing them took `seconds`."""
        self._seconds += seconds
        self._proposed = {proposal.request: proposal for proposal in proposals}
        requests = [proposal.request for proposal in proposals]
        granted = [request for request in dict.fromkeys(requests) if self._can_answer(request)]
        refused = [request for request in requests if request not in granted]
        self._refused += len(refused)
        self._misses = 0 if granted else self._misses + 1
        if self._misses == PATIENCE:
            granted, self._misses = self._nearest(requests[0].mixture), 0
            self.is_over = not granted
        for request in refused:
            self._tell(Trial(request, error="the table has no such run"))
        self._run(granted)

    def _run(self, granted: Sequence[Request]) -> None:
        self._asked.update(granted)
        for trial in self._evaluate(granted):
            self._tell(trial)
            self.runs.append(Run(trial, self._seconds / len(granted), self._refused))
        if granted:
            self._seconds = 0.0

    def _tell(self, trial: Trial) -> None:
        proposal = self._proposed.get(trial.request, Proposal(trial.request, "stands in for what the table lacks"))
        self.told.append(Record(len(self.told), proposal, trial, attempts=1))

    def _can_answer(self, request: Request) -> bool:
        done = {earlier.mixture for earlier in self._asked}
        is_known = request.mixture in self._truth and request.fidelity == 1
        is_news = self._is_noisy or not (request.seed or request.mixture in done)
        return is_known and is_news and request not in self._asked

    def _nearest(self, wanted: Mixture) -> list[Request]:
        """Gives the run not asked for that differs from `wanted` in fewest datasets, or none if all were."""
        done = {request.mixture for request in self._asked}
        left = [mixture for mixture in self._truth if mixture not in done]
        return [Request(mixture) for mixture in sorted(left, key=lambda other: _distance(other, wanted))[:1]]


def _distance(one: Mixture, other: Mixture) -> int:
    return len({*one.names} ^ {*other.names})


def run(case: Case, rules: Rules) -> list[Row]:
    """Gives one row of results for each budget; a method that plans for its budget searches anew for each."""
    if is_planned(case.method):
        runs = {budget: search(case, rules, budget) for budget in rules.budgets}
    else:
        runs = dict.fromkeys(rules.budgets, search(case, rules, max(rules.budgets)))
    return [_row(case, rules, runs[budget][:budget], budget) for budget in rules.budgets]


def search(case: Case, rules: Rules, budget: int) -> list[Run]:
    """Gives the runs of one search in the order of their end: `budget` of them, or fewer if no more were proposed."""
    table, targets = case.pool.table, case.targets
    evaluate = table.evaluate(*targets, noise=rules.noise, seed=rules.seed + case.repeat)
    desk = Desk(table.values(*targets), evaluate, is_noisy=rules.noise > 0)
    problem, sampler = case.pool.problem(*targets), sampler_of(case, budget)
    is_study = rules.noise > 0 and case.method in SAMPLERS
    if is_study:
        desk.answer(opening(problem, [], Plan(budget, base=False)), 0.0)
    while len(desk.runs) < budget and not desk.is_over:
        rng = np.random.default_rng([rules.seed, case.repeat, len(desk.told)])
        start, left = time.perf_counter(), budget - len(desk.runs)
        proposals = propose(problem, sampler, desk.told, rng, min(rules.batch, left))
        if is_study:
            proposals = with_repeats(problem, desk.told, proposals)
        if not proposals:
            break
        desk.answer(proposals, time.perf_counter() - start)
    return desk.runs


def _row(case: Case, rules: Rules, runs: Sequence[Run], budget: int) -> Row:
    truth = case.pool.table.values(*case.targets)
    values = np.array(list(truth.values()))  # [mixture]
    chosen = truth[choose(case.pool.table.problem(*case.targets), [run.trial for run in runs])]
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
        "runs": len(runs),
        "refused": runs[-1].refused,
        "seconds_per_proposal": float(np.mean([run.seconds for run in runs])),
    }
