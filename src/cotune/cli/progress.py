"""How far a study has come: bars on a terminal, one line per finished trial elsewhere; all on standard error."""

import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars

from cotune.cli.console import duration
from cotune.cli.errors import one_line
from cotune.cli.stages import QUIET_SECONDS, Pace, about, columns, step
from cotune.problem import Problem
from cotune.study import Event, Finished
from cotune.trial import Progress, Proposal, Record, Trial
from cotune.verdict.noise import scored
from cotune.verdict.wording import datasets_of

ROOM = 60
"""Characters for a mixture in a line; the journal and the report name it in full."""


class Display:
    """Shows finished fine-tunings of `total`, time left and the best value; `quiet` shows nothing."""

    def __init__(self, problem: Problem, *, total: int, quiet: bool = False) -> None:
        self.problem = problem
        self.best: float | None = None
        self.ended = 0
        self.trained = 0
        self.started = self.spoke = time.monotonic()
        self.console = Console(stderr=True, quiet=quiet)
        self.bars = Bars(*columns(), console=self.console, transient=True, disable=not self.console.is_terminal)
        self.study = self.bars.add_task("fine-tunings", total=total)
        self.trial = self.bars.add_task("", total=None, visible=False)
        self.pace = Pace()
        self.loading = ""

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def stage(self, progress: Progress) -> None:
        """Shows how far the running request's stage has come."""
        self.pace.note(progress)
        what = about(progress, partial(datasets_of, self.problem, room=ROOM))
        words = escape(f"{what}  {self.pace.left}")
        self.bars.update(self.trial, description=words, total=progress.total, completed=progress.done, visible=True)
        if self.console.is_terminal:
            return
        if progress.request is None and progress.stage != self.loading:
            self.loading = progress.stage
            self.say(escape(progress.stage))
        elif time.monotonic() - self.spoke >= QUIET_SECONDS:
            self.say(escape(f"  {step(progress, what, self.pace)}"))

    def resumed(self, records: Sequence[Record]) -> None:
        """Counts what an earlier run has left."""
        trials = scored(self.problem, [record.trial for record in records if record.trial is not None])
        self.best = max((self.problem.value(trial) for trial in trials if len(trial.request.mixture)), default=None)
        self.bars.update(
            self.study, completed=sum(record.attempts for record in records if len(record.request.mixture))
        )

    def event(self, event: Event) -> None:
        """Prints the line of an ended fine-tuning and moves the bar."""
        if not isinstance(event, Finished) or event.record.trial is None:
            return
        trial = event.record.trial
        self.ended += 1
        if len(trial.request.mixture):
            self.trained += not trial.source
            if trial.is_finished:
                value = self.problem.value(trial)
                self.best = value if self.best is None else max(self.best, value)
        left = self.left(event.trials - event.fine_tunings)
        best = "" if self.best is None else f"best {self.best:.3f}"
        self.bars.update(self.trial, visible=False)
        self.bars.update(self.study, completed=event.fine_tunings, description=f"fine-tunings  {best}  {left}")
        line = f"{event.fine_tunings}/{event.trials}  {outcome(self.problem, event.record, trial)}"
        known = ", ".join(filter(None, [best, left])) if left else ""
        self.say(escape(f"{line}  {known}".rstrip()))

    def say(self, line: str) -> None:
        """Prints a line above the bars."""
        self.console.print(line, highlight=False, soft_wrap=True)
        self.spoke = time.monotonic()

    def left(self, more: int) -> str:
        """Gives the time left for `more` fine-tunings, by the mean time of those since the start; "" while unknown."""
        if not self.trained or more < 1:
            return ""
        return f"about {duration((time.monotonic() - self.started) / self.trained * more)} left"


def outcome(problem: Problem, record: Record, trial: Trial) -> str:
    """Gives what became of a request: value or error, what was predicted, mixture, reason, seed and time."""
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
