"""How far a study has come: bars on a terminal, one line per finished trial elsewhere; all on standard error."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bars

from cotune.problem import Problem
from cotune.trial import Progress, Record


class Display:
    """Shows finished fine-tunings of `total`, time left and the best value; `quiet` shows nothing."""

    def __init__(self, problem: Problem, *, total: int, done: int = 0, quiet: bool = False) -> None:
        self.problem = problem
        self.total = total
        self.done = done
        self.best: float | None = None
        self.trained = 0
        self.started = time.monotonic()
        console = Console(stderr=True, quiet=quiet)
        self.console = console
        self.bars = Bars(*_columns(), console=console, transient=True, disable=not console.is_terminal or quiet)
        self.study = self.bars.add_task("study", total=total, completed=done)
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
        about = "" if progress.request is None else f"{progress.request.mixture}: "
        self.bars.update(
            self.trial,
            description=escape(shorten(f"{about}{progress.stage}", 60)),
            total=progress.total,
            completed=progress.done,
            visible=True,
        )

    def finished(self, record: Record) -> None:
        """Counts an ended trial and prints its line."""
        trial = record.trial
        if trial is None:
            return
        is_training = len(record.request.mixture) > 0
        self.done += is_training
        self.trained += is_training and not trial.source
        if trial.is_finished and is_training:
            value = self.problem.value(trial)
            self.best = value if self.best is None else max(self.best, value)
        best = "" if self.best is None else f"best {self.best:.3f}"
        left = self.left()
        self.bars.update(self.study, completed=self.done, description=f"study  {best}  {left}")
        self.bars.update(self.trial, visible=False)
        self.console.print(escape(self.line(record, left)), highlight=False, soft_wrap=True)

    def line(self, record: Record, left: str) -> str:
        """Gives the line of an ended trial: number, value or error, mixture, reason, time."""
        trial = record.trial
        if trial is None:
            return ""
        outcome = f"{self.problem.value(trial):.3f}" if trial.is_finished else f"failed ({trial.error})"
        reused = f", reused from {trial.source}" if trial.source else ""
        parts = [f"{self.done}/{self.total}", outcome, f"{record.request.mixture}"]
        parts.append(f"({record.proposal.reason}, seed {record.request.seed}, {trial.seconds:.0f} s{reused})")
        return "  ".join([*parts, left]).rstrip()

    def left(self) -> str:
        """Gives the time left, from the mean time of the fine-tunings since the start; empty while unknown."""
        if not self.trained or self.done >= self.total:
            return ""
        seconds = (time.monotonic() - self.started) / self.trained * (self.total - self.done)
        return f"about {duration(seconds)} left"


def duration(seconds: float) -> str:
    """Gives a time as a person says it.

    >>> [duration(seconds) for seconds in (42, 600, 9000)]
    ['42 s', '10 min', '2.5 h']
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def shorten(text: str, width: int) -> str:
    """Gives `text` cut to `width` characters."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _columns() -> tuple[ProgressColumn, ...]:
    return TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn()
