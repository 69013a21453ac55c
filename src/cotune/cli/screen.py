"""Standard error while one waits: bars with lines above them on a terminal, lines alone elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars


class Screen:
    """Standard error as a context in which bars stand; `quiet` shows nothing."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True, quiet=quiet)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
        self.bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    @property
    def has_bars(self) -> bool:
        """Whether it is a terminal."""
        return not self.bars.disable

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last line."""
        return time.monotonic() - self._spoke

    def say(self, line: str) -> None:
        """Prints a line, above the bars if there are some."""
        self.bars.console.print(escape(line), highlight=False, soft_wrap=True)
        self._spoke = time.monotonic()
