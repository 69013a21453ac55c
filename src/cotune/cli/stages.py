"""How far one training and its stages have come: a bar on a terminal, plain lines elsewhere; all on standard error."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.markup import escape

from cotune.cli.console import duration, shorten
from cotune.cli.opening import Opened
from cotune.cli.screen import Screen
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


class StageBar:
    """The bar of the running stage; where there are no bars, a line when something begins and after a long silence."""

    def __init__(self, screen: Screen, name: Callable[[Mixture], str]) -> None:
        self._screen, self._name = screen, name
        self._bar = screen.bars.add_task("", total=None, visible=False)
        self._pace = Pace()

    def show(self, progress: Progress, *, begun: str) -> None:
        """Shows how far the stage has come; `begun` is what begins with it, or ""."""
        self._pace.note(progress)
        what = about(progress, self._name)
        words = escape(f"{what}  {self._pace.left}")
        bars = self._screen.bars
        bars.update(self._bar, description=words, total=progress.total, completed=progress.done, visible=True)
        if self._screen.has_bars:
            return
        if begun:
            self._screen.say(begun)
        elif self._screen.silent_seconds >= QUIET_SECONDS:
            self._screen.say(f"  {step(progress, what, self._pace)}")

    def hide(self) -> None:
        """Hides the bar until the next stage."""
        self._screen.bars.update(self._bar, visible=False)


class Stages:
    """Shows the stages of work on one request after another: a bar on a terminal, a line for each request elsewhere.

    Work before any request, such as a download, is told when it begins. `verb` is what is done with a request, `name`
    gives its mixture's name.
    """

    def __init__(self, screen: Screen, *, verb: str = "training", name: Callable[[Mixture], str] = str) -> None:
        self._bar = StageBar(screen, name)
        self._verb, self._name = verb, name
        self._begun = ""

    def tell(self, progress: Progress) -> None:
        """Shows how far the running stage has come."""
        mixture = None if progress.request is None else progress.request.mixture
        begun = progress.stage if mixture is None else f"{self._verb} {self._name(mixture)}"
        self._bar.show(progress, begun="" if begun == self._begun else begun)
        self._begun = begun


def load_problem(opened: Opened, *, data: Path | None, quiet: bool) -> Problem:
    """Gives a study's problem with all rows loaded, and shows what is fetched for that."""
    with Screen(quiet=quiet) as screen:
        return opened.problem(data=data, tell=Stages(screen).tell)


def about(progress: Progress, name: Callable[[Mixture], str]) -> str:
    """Gives mixture and stage for a bar."""
    mixture = "" if progress.request is None else f"{shorten(name(progress.request.mixture), 40)}: "
    return f"{mixture}{shorten(progress.stage, 40)}"


def step(progress: Progress, what: str, pace: Pace) -> str:
    """Gives how far `what` has come and the time left, for a line."""
    return f"{what} {progress.done}/{progress.total}{f', {pace.left}' if pace.left else ''}"
