"""The circle: propose, run, record, until a rule stops it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from cotune.journal import Journal
from cotune.problem import Problem
from cotune.study.events import Event, Finished, Proposed, Rule, Stopped
from cotune.study.outcomes import outcomes
from cotune.study.phases import confirmations, in_pool, opening, spent, unfinished, within
from cotune.study.plan import Plan
from cotune.study.rounds import round_of
from cotune.study.stops import all_failed, no_improvement, out_of_patience, out_of_trials, used_up
from cotune.trial import Evaluate, Proposal, Record
from cotune.trial_json import Json, JsonObject

if TYPE_CHECKING:  # at run time it would import SciPy, which a study with its own sampler does without
    from cotune.search import Sampler


@dataclass(frozen=True)
class SearchEnd:
    """Why the search ended, and how many requests had been made by then."""

    stopped: Stopped
    requests: int

    def to_json(self, rules: JsonObject) -> JsonObject:
        """Gives a log payload that `search_end_from_json` reads back."""
        return {**self.stopped.to_json(), "requests": self.requests, "rules": rules}


def search_end_from_json(payload: Mapping[str, Json]) -> SearchEnd:
    """Reads what `SearchEnd.to_json` gave."""
    return SearchEnd(
        Stopped(cast(Rule, payload["rule"]), cast(str, payload["message"])), cast(int, payload["requests"])
    )


@dataclass(frozen=True)
class Circle:
    """All that one run of a study works with; its only state is the journal."""

    problem: Problem
    journal: Journal
    evaluate: Evaluate
    sampler: "Sampler"
    plan: Plan
    seed: int
    deadline: float
    is_stopped: Callable[[], bool]
    tell: Callable[[Event], None]

    def run(self) -> Stopped:
        """Runs to the end and gives the rule that ended it."""
        while True:
            stopped = self._cut_short() or self._run_open()
            if stopped is not None:
                return stopped
            if unfinished(self.problem, self._records()):
                continue
            self._end_round()
            step = self._next()
            if isinstance(step, Stopped):
                return step
            if step:
                self.tell(Proposed(tuple(self.journal.propose(step))))

    def _records(self) -> list[Record]:
        return self.journal.records(examples=False)

    def _cut_short(self) -> Stopped | None:
        if self.is_stopped():
            return Stopped("interrupted", "stopped from outside; run again to go on")
        if time.monotonic() >= self.deadline:
            return Stopped("hours", f"the {self.plan.hours:g} hours of this run are used; run again to go on")
        return all_failed(in_pool(self.problem, self._records()), patient=True)

    def _run_open(self) -> Stopped | None:
        """Runs the next batch of what is pending or to be retried; gives the rule that forbids it, if one does."""
        records = self._records()
        waiting = {record.request: record for record in unfinished(self.problem, records)}
        if not waiting:
            return None
        paid = within([record.proposal for record in waiting.values()], self.plan.trials - spent(records))
        if not paid:
            return all_failed(records, patient=False) or used_up(self.plan)
        requests = [proposal.request for proposal in paid[: self.plan.batch]]
        for trial in outcomes(self.problem, self.evaluate, requests, is_stopped=self.is_stopped):
            ended = self.journal.finish(waiting[trial.request].number, trial)
            self.tell(Finished(ended, spent(self._records()), self.plan.trials))
        return None

    def _end_round(self) -> None:
        ended = round_of(self.problem, self._records(), self.journal.logged("round"))
        if ended is not None:
            self.journal.log("round", cast(JsonObject, asdict(ended) | {"reasons": list(ended.reasons)}))
            self.tell(ended)

    def _next(self) -> list[Proposal] | Stopped:
        """Gives what to ask for next: base and anchors, then the search, then the confirmation; or why nothing."""
        records = self._records()
        first = opening(self.problem, records, self.plan)
        if first:
            return first
        ended = self._search_end()
        if ended is None:
            step = self._search(records)
            if not isinstance(step, Stopped):
                return step
            ended = SearchEnd(step, len(records))
            self.journal.log("search ended", ended.to_json(self._rules()))
        return self._confirm(ended, records)

    def _search(self, records: Sequence[Record]) -> list[Proposal] | Stopped:
        known = in_pool(self.problem, records)
        stopped = out_of_trials(self.problem, records, self.plan) or out_of_patience(self.problem, known, self.plan)
        if stopped is not None:
            return stopped
        how_many = min(self.plan.batch, self.plan.trials - self.plan.reserve(self.problem) - spent(records))
        rng = np.random.default_rng([self.seed, len(records)])
        trials = [record.trial for record in known if record.trial is not None]
        proposals = self.sampler(self.problem, trials, [], rng, how_many)
        if not proposals:
            return Stopped("exhausted", "the sampler has nothing left to propose")
        self._check(proposals, how_many)
        return no_improvement(proposals, self.plan) or proposals

    def _check(self, proposals: Sequence[Proposal], how_many: int) -> None:
        if len(proposals) > how_many:
            raise ValueError(f"The sampler proposed {len(proposals)} requests; it was asked for at most {how_many}.")
        for proposal in proposals:
            if not self.problem.is_possible(proposal.request.mixture):
                raise ValueError(
                    f"The sampler proposed {proposal.request.mixture}, which this problem does not allow: a mixture "
                    f"holds {list(self.problem.required)} and at most {self.problem.levels} parts of each dataset."
                )

    def _rules(self) -> JsonObject:
        return self.plan.rules() | {"datasets": list(self.problem.names)}

    def _search_end(self) -> SearchEnd | None:
        """Gives how the search ended before under these rules, so that a resumed confirmation stays what it was."""
        entries = [entry.payload for entry in self.journal.logged("search ended")]
        same = [payload for payload in entries if payload["rules"] == self._rules()]
        return search_end_from_json(same[-1]) if same else None

    def _confirm(self, ended: SearchEnd, records: Sequence[Record]) -> list[Proposal] | Stopped:
        known = in_pool(self.problem, records)
        is_done = any(record.proposal.reason.startswith("confirm") for record in records[ended.requests :])
        how_many = min(self.plan.reserve(self.problem), self.plan.trials - spent(records))
        failed = all_failed(known, patient=False)
        if is_done or how_many < 1 or failed is not None:
            return failed or ended.stopped
        from cotune.verdict import choose  # with SciPy, late for the same reason

        complete = in_pool(self.problem, self.journal.records())
        trials = [record.trial for record in complete if record.trial is not None and record.trial.is_finished]
        return confirmations(self.problem, records, choose(self.problem, trials), how_many)
