"""The circle: propose, run, record, until a rule stops it."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import cast

from cotune.journal import Journal
from cotune.study.alarms import alarms
from cotune.study.events import Event, Finished, Proposed, Stopped
from cotune.study.hopeless import to_run
from cotune.study.outcomes import outcomes
from cotune.study.phases import in_pool, spent
from cotune.study.rounds import round_of
from cotune.study.steps import Course, Past, SearchEnd, next_step, open_requests, search_end
from cotune.study.stops import all_failed
from cotune.trial import Evaluate, Proposal, Record
from cotune.trial_json import JsonObject


@dataclass(frozen=True)
class Circle:
    """All that one run of a study works with; its only state is the journal."""

    course: Course
    journal: Journal
    evaluate: Evaluate
    deadline: float
    is_stopped: Callable[[], bool]
    tell: Callable[[Event], None]

    def run(self) -> Stopped:
        """Runs to the end and gives the rule that ended it."""
        while True:
            stopped = self._cut_short() or self._run_open()
            if stopped is not None:
                return stopped
            if open_requests(self.course, self._records()):
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
            hours = self.course.plan.hours
            return Stopped("hours", f"the {hours:g} hours of this run are used; run again to go on")
        return all_failed(in_pool(self.course.problem, self._records()), patient=True)

    def _run_open(self) -> Stopped | None:
        """Runs the next batch of what is pending or to be retried; gives the rule that forbids it, if one does."""
        problem, plan = self.course.problem, self.course.plan
        waiting = open_requests(self.course, self._records())
        if isinstance(waiting, Stopped):
            return waiting
        batch = waiting[: plan.at_once]
        numbers = {record.request: record.number for record in batch}
        if not numbers:
            return None
        for trial in outcomes(problem, self.evaluate, [*map(to_run, batch)], is_stopped=self.is_stopped):
            ended = self.journal.finish(numbers[trial.request], trial)
            self.tell(Finished(ended, spent(self._records()), plan.trials))
        return None

    def _end_round(self) -> None:
        ended = round_of(self.course.problem, self._records(), self.journal.logged("round"))
        if ended is not None:
            self.journal.log("round", cast(JsonObject, asdict(ended) | {"reasons": list(ended.reasons)}))
            self.tell(ended)
            self._tell_alarms()

    def _tell_alarms(self) -> None:
        """Logs which alarms stand where others stood before, and tells those that begin."""
        standing = alarms(self.course.problem, self._records())
        logged = self.journal.logged("alarms")
        before = cast(JsonObject, logged[-1].payload["standing"]) if logged else {}
        if {alarm.trouble for alarm in standing} == set(before):
            return
        self.journal.log("alarms", {"standing": {alarm.trouble: alarm.message for alarm in standing}})
        for alarm in standing:
            if alarm.trouble not in before:
                self.tell(alarm)

    def _next(self) -> list[Proposal] | Stopped:
        ended = search_end(self.course, [entry.payload for entry in self.journal.logged("search ended")])
        return next_step(self.course, self._records(), ended, Past(self.journal.records, self._log_end))

    def _log_end(self, ended: SearchEnd) -> None:
        self.journal.log("search ended", ended.to_json(self.course.rules()))
