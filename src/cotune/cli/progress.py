"""How far a study has come: bars on a terminal, one line per finished trial elsewhere; all on standard error."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bars

from cotune.cli.console import duration, shorten
from cotune.cli.errors import one_line
from cotune.problem import Problem
from cotune.study import Event, Finished
from cotune.trial import Progress, Record, Request, Trial
from cotune.verdict.noise import scored

QUIET_SECONDS = 30
"""Where there are no bars, a long trial tells so often how far it is."""


class Display:
    """Shows finished fine-tunings of `total`, time left and the best value; `quiet` shows nothing."""

    def __init__(self, problem: Problem, *, total: int, quiet: bool = False) -> None:
        self.problem = problem
        self.best: float | None = None
        self.ended = 0
        self.trained = 0
        self.started = self.spoke = time.monotonic()
        self.console = Console(stderr=True, quiet=quiet)
        self.bars = Bars(*_columns(), console=self.console, transient=True, disable=not self.console.is_terminal)
        self.study = self.bars.add_task("fine-tunings", total=total)
        self.trial = self.bars.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def stage(self, progress: Progress) -> None:
        """Shows how far the running request's stage has come."""
        what = about(progress)
        self.bars.update(self.trial, description=what, total=progress.total, completed=progress.done, visible=True)
        if not self.console.is_terminal and time.monotonic() - self.spoke >= QUIET_SECONDS:
            self.say(f"  {what} {progress.done}/{progress.total}")

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
        self.say(escape(f"{line}{f'  {best}, {left}' if left else ''}"))

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
    """Gives what became of a request: value or error, mixture, reason, seed and time."""
    what = f"{problem.value(trial):.3f}" if trial.is_finished else f"failed ({one_line(trial.error or '')})"
    reused = f", reused from {trial.source}" if trial.source else f", {duration(trial.seconds)}"
    return f"{what}  {trial.request.mixture}  ({record.proposal.reason}, seed {trial.request.seed}{reused})"


class Stages:
    """Shows how far each stage of a single training has come: a bar on a terminal, a line per training elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.bars = Bars(*_columns(), console=self.console, transient=True, disable=not self.console.is_terminal)
        self.bar = self.bars.add_task("", total=None)
        self.last: Request | None = None

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def tell(self, progress: Progress) -> None:
        """Shows how far the running stage has come."""
        if progress.request is not None and progress.request != self.last and not self.console.is_terminal:
            self.console.print(escape(f"training {progress.request.mixture}"), highlight=False, soft_wrap=True)
        self.last = progress.request or self.last
        self.bars.update(self.bar, description=about(progress), total=progress.total, completed=progress.done)


def about(progress: Progress) -> str:
    """Gives mixture and stage for a bar, as markup."""
    mixture = "" if progress.request is None else f"{shorten(str(progress.request.mixture), 40)}: "
    return escape(f"{mixture}{shorten(progress.stage, 40)}")


def _columns() -> tuple[ProgressColumn, ...]:
    return TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn()
