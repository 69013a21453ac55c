"""Worker: an evaluation in a child process."""

import atexit
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from cotune.blame import note_place
from cotune.trial import Progress, Request, Trial
from cotune.worker.child import Done, Factory, Failed, Message, Ready
from cotune.worker.process import Child, start, wait_until_ready


@dataclass
class _Batch:
    """A batch that a child works on: who still waits, who runs, since when, and whether the child has left it.

    `begun` are the requests that were told of since the last trial: several where they run side by side.
    """

    waiting: list[Request]
    running: Request
    begun: set[Request] = field(default_factory=set)
    since: float = field(default_factory=time.monotonic)
    is_over: bool = False

    def note(self, message: Message | None) -> None:
        if isinstance(message, Progress) and message.request in self.waiting:
            self.running = message.request
            self.begun.add(message.request)
        if isinstance(message, Trial) and message.request in self.waiting:
            self.waiting.remove(message.request)
            self.begun.clear()
            self.running = self.waiting[0] if self.waiting else self.running
            self.since = time.monotonic()
        self.is_over = isinstance(message, Done | Failed)

    def seconds(self) -> float:
        return time.monotonic() - self.since

    def is_late(self, timeout: float) -> bool:
        """Whether those that run took longer than `timeout` for each of them."""
        return self.seconds() > timeout * max(len(self.begun), 1)

    def failures(self, error: str) -> Iterator[Trial]:
        """Yields the failed trial of what was running; none where several were, since one of them alone is to blame."""
        if len(self.begun) > 1:
            return
        if self.running in self.waiting:
            self.waiting.remove(self.running)
        yield Trial(self.running, seconds=self.seconds(), error=error)

    def rest(self) -> list[list[Request]]:
        """Gives what is to be run again, in batches: one by one what ran side by side, so that the right one fails."""
        if len(self.begun) > 1 and not self.is_over:
            return [[request] for request in self.waiting]
        return [self.waiting] if self.waiting and not self.is_over else []


class Worker:
    """An evaluation that runs in a child process, which it keeps for the next batch and which dies with its parent.

    A crash, a kill or a hang fails the request that was running, with the reason; the rest of the batch goes to a new
    child. Where several ran side by side, none fails yet, and each is run by itself. Use it as a context manager, or
    call `close`.
    """

    def __init__(
        self,
        factory: Factory,
        *,
        progress: Callable[[Progress], None] | None = None,
        timeout: float | None = None,
        memory: int | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        """Describes the worker; its process starts when it is first needed.

        Args:
            factory: Builds the evaluation in the child, given whom to tell how far it is. It is a function of an
                importable module, or an instance of such a class that can be pickled.
            progress: Is told, in this process, how far the child is.
            timeout: Seconds after which a request that gave no trial is killed; those that run side by side have it
                together, as often as they are many.
            memory: Bytes of address space that the child may use (RLIMIT_AS).
            preload: Modules that are imported once, before children are forked; heavy ones make restarts fast.
        """
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout is a positive number of seconds; got {timeout!r}.")
        self._factory = factory
        self._progress = progress or _nobody
        self._timeout = float("inf") if timeout is None else timeout
        self._memory = memory
        self._preload = tuple(preload)
        self._child: Child | None = None
        self._ready: Ready | None = None
        self._stop = threading.Event()

    def settings(self) -> Mapping[str, object]:
        """Gives the settings of the child's evaluation, none if it does not tell them; starts the child.

        Raises:
            Exception: what the factory raised, such as a ValueError for a model that is not there.
            ChildProcessError: the child died while it built the evaluation.
        """
        self._stop.clear()
        self._started()
        return (self._ready.settings if self._ready else None) or {}

    def side_by_side(self) -> int:
        """Gives how many requests the child's evaluation runs at once; starts the child.

        Raises:
            Exception: as `settings`.
        """
        self._started()
        return self._ready.width if self._ready else 1

    def __call__(self, requests: Sequence[Request]) -> Iterator[Trial]:
        """Yields one trial per request as the child ends it, in its order."""
        batches = [list(requests)] if requests else []
        while batches and not self._stop.is_set():
            batch = _Batch(batches[0], batches[0][0])
            try:
                yield from self._run(self._started(), batch)
            finally:
                if not batch.is_over:
                    self._kill()
            batches[:1] = batch.rest()

    def _run(self, child: Child, batch: _Batch) -> Iterator[Trial]:
        try:
            child.send(batch.waiting)
            while not batch.is_over:
                message = child.receive()
                batch.note(message)
                if isinstance(message, Trial):
                    yield message
                elif isinstance(message, Progress):
                    self._progress(message)
                elif isinstance(message, Failed):
                    note_place(message.error, message.place)
                    raise message.error
                if self._stop.is_set():
                    return
                if not batch.is_over and batch.is_late(self._timeout):
                    self._kill()
                    yield from batch.failures(f"timeout after {self._timeout:g} s")
                    return
        except EOFError:
            if not self._stop.is_set():
                yield from batch.failures(child.death())

    def _started(self) -> Child:
        if self._child is None:
            self._child = start(self._factory, memory=self._memory, preload=self._preload)
            atexit.register(self.close)  # before Python waits for its child processes
            try:
                self._ready = wait_until_ready(self._child, self._stop.is_set, self._progress)
            except BaseException:
                self._kill()
                raise
        return self._child

    def request_stop(self) -> None:
        """Ends the running batch within a moment; what was running gives no trial. `settings` lifts the wish."""
        self._stop.set()

    def close(self) -> None:
        """Ends the child; the worker starts another if it is used again."""
        child, self._child = self._child, None
        atexit.unregister(self.close)
        if child is not None:
            child.leave()

    def _kill(self) -> None:
        child, self._child = self._child, None
        atexit.unregister(self.close)
        if child is not None:
            child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _nobody(progress: Progress) -> None:
    del progress
