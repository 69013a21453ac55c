"""Ctrl-C and SIGTERM as wishes: the first asks to stop cleanly, the second stops at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interruption:
    """Which signal asked to stop, None while none has."""

    signal: int | None = None


@contextmanager
def interruptible(*requests: Callable[[], None]) -> Iterator[Interruption]:
    """Calls `requests` (of a study and its worker: `request_stop`) at the first Ctrl-C or SIGTERM inside the block.

    The second raises KeyboardInterrupt wherever the program is. Call it from the main thread, as Python asks for
    signal handlers. Handlers that were there before come back at the end.
    """
    seen = Interruption()

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if seen.signal is not None:
            raise KeyboardInterrupt
        seen.signal = number
        for request in requests:
            request()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
