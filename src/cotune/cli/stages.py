"""How far one training and its stages have come: a bar on a terminal, plain lines elsewhere; all on standard error."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bars

from cotune.cli.console import duration, shorten
from cotune.cli.opening import Opened
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.trial import Progress, Request

QUIET_SECONDS = 30
"""Where there are no bars, a long stage tells so often how far it is."""


class Pace:
    """Knows since when the stages of a request run, and so how long the running one will still take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._request: Request | None = None
        self._began: dict[tuple[str, int], tuple[float, int]] = {}
        self._left = ""

    def note(self, progress: Progress) -> None:
        """Takes how far a stage has come."""
        if progress.request != self._request:
            self._request, self._began = progress.request, {}
        stage = (progress.stage.partition(" ")[0], progress.total)  # "score a" and "score b" are steps of one stage
        since, first = self._began.setdefault(stage, (self._clock(), progress.done))
        done, more = progress.done - first, progress.total - progress.done
        known = done > 0 and more > 0
        self._left = f"about {duration((self._clock() - since) / done * more)} left" if known else ""

    @property
    def left(self) -> str:
        """The time left, by the mean time of the stage's steps so far; "" while unknown."""
        return self._left


class Stages:
    """Shows the stages of work on one request after another: a bar on a terminal, a line for each request elsewhere.

    Work before any request, such as a download, is told when it begins. `verb` is what is done with a request, `name`
    gives its mixture's name.
    """

    def __init__(self, *, quiet: bool, verb: str = "training", name: Callable[[Mixture], str] = str) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.bars = Bars(*columns(), console=self.console, transient=True, disable=not self.console.is_terminal)
        self.bar = self.bars.add_task("", total=None, visible=False)
        self.verb, self.name = verb, name
        self.pace = Pace()
        self.begun = ""
        self.spoke = time.monotonic()

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def tell(self, progress: Progress) -> None:
        """Shows how far the running stage has come."""
        self.pace.note(progress)
        what = about(progress, self.name)
        if not self.console.is_terminal:
            self._speak(progress, what)
        words = escape(f"{what}  {self.pace.left}")
        self.bars.update(self.bar, description=words, total=progress.total, completed=progress.done, visible=True)

    def _speak(self, progress: Progress, what: str) -> None:
        mixture = None if progress.request is None else progress.request.mixture
        begun = progress.stage if mixture is None else f"{self.verb} {self.name(mixture)}"
        if begun != self.begun:
            self._say(begun)
        elif time.monotonic() - self.spoke >= QUIET_SECONDS:
            self._say(f"  {step(progress, what, self.pace)}")
        self.begun = begun

    def _say(self, line: str) -> None:
        self.console.print(escape(line), highlight=False, soft_wrap=True)
        self.spoke = time.monotonic()


def load_problem(opened: Opened, *, data: Path | None, quiet: bool) -> Problem:
    """Gives a study's problem with all rows loaded, and shows what is fetched for that."""
    with Stages(quiet=quiet) as stages:
        return opened.problem(data=data, tell=stages.tell)


def about(progress: Progress, name: Callable[[Mixture], str]) -> str:
    """Gives mixture and stage for a bar."""
    mixture = "" if progress.request is None else f"{shorten(name(progress.request.mixture), 40)}: "
    return f"{mixture}{shorten(progress.stage, 40)}"


def step(progress: Progress, what: str, pace: Pace) -> str:
    """Gives how far `what` has come and the time left, for a line."""
    return f"{what} {progress.done}/{progress.total}{f', {pace.left}' if pace.left else ''}"


def columns() -> tuple[ProgressColumn, ...]:
    """Gives the columns of a bar."""
    return TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn()
