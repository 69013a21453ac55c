"""What a study does next, as a pure function of its records: anchors, search, confirmation, end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from cotune.problem import Problem
from cotune.study.events import Rule, Stopped
from cotune.study.fallback import propose
from cotune.study.hopeless import USUAL, Judge, judged, promising
from cotune.study.phases import confirmations, in_pool, kept_back, opening, spent, unfinished, within
from cotune.study.plan import Plan
from cotune.study.repeats import with_repeats
from cotune.study.stops import (
    all_failed,
    left_over,
    no_improvement,
    out_of_patience,
    out_of_trials,
    used_up,
    within_noise,
    without_base,
)
from cotune.trial import Proposal, Record
from cotune.trial_json import Json, JsonObject

if TYPE_CHECKING:  # at run time it would import SciPy, which a study with its own sampler does without
    from cotune.search import Sampler

LATER_RULES: JsonObject = {"min_improvement_noise": None, "early_stopping": "none"}
"""Rules that logs of earlier versions do not name, which were off then."""


@dataclass(frozen=True)
class SearchEnd:
    """Why the search ended, and how many requests had been made by then."""

    stopped: Stopped
    requests: int

    def to_json(self, rules: JsonObject) -> JsonObject:
        """Gives a log payload that `search_end` reads back."""
        return {**self.stopped.to_json(), "requests": self.requests, "rules": rules}


@dataclass(frozen=True)
class Course:
    """What decides how a study goes on, beside its records."""

    problem: Problem
    sampler: "Sampler"
    plan: Plan
    seed: int
    judge: Judge = USUAL

    def rules(self) -> JsonObject:
        """Gives what decides when the search ends, for the log."""
        return self.plan.rules() | {"datasets": list(self.problem.names)}


@dataclass(frozen=True)
class Past:
    """What a step may need of the journal: records with per-example results, and a place to log a search's end."""

    complete: Callable[[], Sequence[Record]]
    end_search: Callable[[SearchEnd], None]


def search_end(course: Course, entries: Sequence[Mapping[str, Json]]) -> SearchEnd | None:
    """Gives how the search ended before under these rules, so that a resumed confirmation stays what it was."""
    same = [payload for payload in entries if LATER_RULES | cast(JsonObject, payload["rules"]) == course.rules()]
    if not same:
        return None
    stopped = Stopped(cast(Rule, same[-1]["rule"]), cast(str, same[-1]["message"]))
    return SearchEnd(stopped, cast(int, same[-1]["requests"]))


def open_requests(course: Course, records: Sequence[Record]) -> list[Record] | Stopped:
    """Gives the requests that are pending or to be retried and can be paid, or the rule that forbids all of them.

    Where there are none, those that were stopped and are hopeful again.
    """
    waiting = {record.request: record for record in unfinished(course.problem, records)}
    if not waiting:
        return _revived(course, records)
    paid = within([record.proposal for record in waiting.values()], course.plan.trials - spent(records))
    if waiting and not paid:
        return all_failed(records, patient=False) or used_up(course.plan)
    return [waiting[proposal.request] for proposal in paid]


def _revived(course: Course, records: Sequence[Record]) -> list[Record]:
    """Gives the records whose fine-tunings go on, while the search has something to pay with."""
    problem, plan = course.problem, course.plan
    known = in_pool(problem, records)
    if plan.early_stopping == "none" or out_of_trials(problem, records, plan):
        return []
    return promising(problem, known, course.judge)[: plan.trials - kept_back(problem, records, plan) - spent(records)]


def next_step(
    course: Course, records: Sequence[Record], ended: SearchEnd | None, past: Past
) -> list[Proposal] | Stopped:
    """Gives what to ask for when nothing is open, with what may stop it early; or why nothing.

    `ended` is how the search ended before, if it did; an end that is found now is told to `past`.

    Raises:
        ValueError: the sampler broke its contract; the base model is to be kept but not to be scored; early stopping
            on a front.
    """
    step = _next(course, records, ended, past)
    if isinstance(step, Stopped) or course.plan.early_stopping == "none":
        return step
    return judged(course.problem, in_pool(course.problem, records), step, course.judge)


def _next(course: Course, records: Sequence[Record], ended: SearchEnd | None, past: Past) -> list[Proposal] | Stopped:
    """Gives the next of base and anchors, search, and confirmation."""
    baseless = without_base(course.problem, records, course.plan)
    if baseless is not None:
        return baseless
    first = opening(course.problem, records, course.plan)
    if first:
        return first
    if ended is None:
        step = _search(course, records)
        if not isinstance(step, Stopped):
            return step
        ended = SearchEnd(step, len(records))
        past.end_search(ended)
    return _confirm(course, ended, records, past)


def _search(course: Course, records: Sequence[Record]) -> list[Proposal] | Stopped:
    problem, plan = course.problem, course.plan
    known = in_pool(problem, records)
    stopped = out_of_trials(problem, records, plan) or out_of_patience(problem, known, plan)
    if stopped is not None:
        return stopped
    left = plan.trials - kept_back(problem, records, plan) - spent(records)
    how_many = min(plan.at_once, left)
    rng = np.random.default_rng([course.seed, len(records)])
    proposals = propose(problem, course.sampler, known, rng, how_many)
    if not proposals:
        return Stopped("exhausted", "the sampler has nothing left to propose")
    _check(problem, proposals, how_many)
    ended = no_improvement(proposals, plan) or within_noise(problem, known, proposals, plan)
    if ended or not plan.repeats or plan.confirm:
        return ended or proposals
    return with_repeats(problem, known, proposals)


def _confirm(course: Course, ended: SearchEnd, records: Sequence[Record], past: Past) -> list[Proposal] | Stopped:
    """Gives the confirming requests of a search that has ended, or its end once they were made or cannot be paid."""
    failed = all_failed(in_pool(course.problem, records), patient=False)
    if failed is not None:
        return failed
    left = course.plan.trials - spent(records)
    if left < 1 or not course.plan.confirming_seeds:
        return left_over(ended.stopped, left)
    from cotune.verdict import choose  # with SciPy, late for the same reason

    kept = in_pool(course.problem, past.complete())
    trials = [record.trial for record in kept if record.trial is not None and record.trial.is_finished]
    winner = choose(course.problem, trials)
    wanted = confirmations(course.problem, records, winner, seeds=course.plan.confirming_seeds, left=left)
    return wanted or left_over(ended.stopped, left)


def _check(problem: Problem, proposals: Sequence[Proposal], how_many: int) -> None:
    strange = [proposal for proposal in proposals if not isinstance(proposal, Proposal)]
    if strange:
        raise ValueError(f"A sampler gives a list of Proposals; got {strange[0]!r} in it.")
    if len(proposals) > how_many:
        raise ValueError(f"The sampler proposed {len(proposals)} requests; it was asked for at most {how_many}.")
    for proposal in proposals:
        if not problem.is_possible(proposal.request.mixture):
            raise ValueError(
                f"The sampler proposed {proposal.request.mixture}, which this problem does not allow: a mixture "
                f"holds {list(problem.required)} and at most {problem.levels} parts of each dataset."
            )
