"""How far a study has come: bars on a terminal, one line per finished trial elsewhere; all on standard error."""

import time
from collections.abc import Sequence
from functools import partial

from cotune.cli.console import duration
from cotune.cli.errors import one_line
from cotune.cli.screen import Screen
from cotune.cli.stages import StageBar
from cotune.problem import Problem
from cotune.study import Alarm, Event, Finished
from cotune.study.phases import spent
from cotune.trial import Progress, Proposal, Record, Trial
from cotune.verdict.floors import floors, is_judgeable, keeps
from cotune.verdict.noise import scored
from cotune.verdict.wording import datasets_of

ROOM = 60
"""Characters for a mixture in a line; the journal and the report name it in full."""


class Display:
    """Shows finished fine-tunings of `total`, time left and the best value."""

    def __init__(self, problem: Problem, screen: Screen, *, total: int) -> None:
        self.problem = problem
        self.screen = screen
        self.total = total
        self.known: list[Trial] = []
        self.ended = 0
        self.trained = 0
        self.started = time.monotonic()
        self.bar = screen.bars.add_task("fine-tunings", total=total)
        self.stage_bar = StageBar(screen, partial(datasets_of, problem, room=ROOM))
        self.loading = ""

    def stage(self, progress: Progress) -> None:
        """Shows how far the running request's stage has come."""
        begun = progress.stage if progress.request is None and progress.stage != self.loading else ""
        self.stage_bar.show(progress, begun=begun)
        self.loading = begun or self.loading

    def resumed(self, records: Sequence[Record]) -> None:
        """Counts what an earlier run has left."""
        self.known += [record.trial for record in records if record.trial is not None]
        self.screen.bars.update(self.bar, completed=spent(records))

    def event(self, event: Event) -> None:
        """Prints the line of an ended fine-tuning and moves the bar; an alarm gets a line too."""
        if isinstance(event, Alarm):
            self.screen.say(f"! {event}")
        if not isinstance(event, Finished) or event.record.trial is None:
            return
        trial = event.record.trial
        self.known.append(trial)
        self.ended += 1
        if len(trial.request.mixture):
            self.trained += not trial.source
        left = self.left(event.trials - event.fine_tunings)
        found = self.best()
        best = "" if found is None else f"best {found:.3f}"
        self.stage_bar.hide()
        words = f"fine-tunings  {best}  {left}"
        self.screen.bars.update(self.bar, completed=event.fine_tunings, description=words)
        line = f"{event.fine_tunings}/{event.trials}  {outcome(self.problem, event.record, trial)}"
        known = ", ".join(filter(None, [best, left])) if left else ""
        self.screen.say(f"{line}  {known}".rstrip())

    def best(self) -> float | None:
        """Gives the best value of a fine-tuning that keeps what is to be kept; None before there is one."""
        trials = [trial for trial in scored(self.problem, self.known) if len(trial.request.mixture)]
        least = floors(self.problem, self.known) if is_judgeable(self.problem, self.known) else {}
        return max((self.problem.value(trial) for trial in trials if keeps(trial, least)), default=None)

    def left(self, more: int) -> str:
        """Gives the time left for `more` fine-tunings, by the mean time of those since the start; "" while unknown."""
        if not self.trained or more < 1:
            return ""
        return f"about {duration((time.monotonic() - self.started) / self.trained * more)} left"


def outcome(problem: Problem, record: Record, trial: Trial) -> str:
    """Gives what became of a request: value or error, what was predicted, mixture, reason, seed and time."""
    if trial.reached < 1:
        what = f"stopped after {trial.reached:.0%}"
    else:
        what = f"{problem.value(trial):.3f}" if trial.is_finished else f"failed ({one_line(trial.error or '')})"
    what = ", ".join(filter(None, [what, predicted(record.proposal)]))
    mixture = datasets_of(problem, trial.request.mixture, room=ROOM)
    reused = f", reused from {trial.source}" if trial.source else f", {duration(trial.seconds)}"
    return f"{what}  {mixture}  ({record.proposal.reason}, seed {trial.request.seed}{reused})"


def predicted(proposal: Proposal) -> str:
    """Gives what was predicted of a proposal, with its standard deviation; "" where nothing predicts."""
    if proposal.mean is None:
        return ""
    return f"predicted {proposal.mean:.3f}{'' if proposal.sd is None else f' ± {proposal.sd:.3f}'}"
