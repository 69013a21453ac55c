"""The parent's handle on one child process."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from cotune.trial import Progress, Request
from cotune.worker.child import QUIET, Factory, Failed, Message, Ready, serve

TICK = 0.1
"""Seconds between two looks at the clock and at the wish to stop."""


@dataclass(frozen=True)
class Child:
    """A started child and the way to talk to it."""

    process: BaseProcess
    connection: "Connection[Sequence[Request], Message]"

    def send(self, requests: Sequence[Request]) -> None:
        """Hands over a batch.

        Raises:
            EOFError: the child is gone.
        """
        try:
            self.connection.send(requests)
        except OSError as error:
            raise EOFError from error

    def receive(self) -> Message | None:
        """Waits a moment for a message; None if none came.

        Raises:
            EOFError: the child is gone.
        """
        try:
            return self.connection.recv() if self.connection.poll(TICK) else None
        except OSError as error:
            raise EOFError from error

    def kill(self) -> None:
        """Ends the child at once."""
        self.process.kill()
        self.process.join(timeout=10)
        self.connection.close()

    def leave(self) -> None:
        """Lets an idle child end by itself, at once if it does not."""
        self.connection.close()
        self.process.join(timeout=2)
        self.kill()

    def death(self) -> str:
        """Gives in words how the child ended."""
        self.process.join(timeout=5)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"the worker process ended by itself (exit code {code})"
        hint = ": out of memory suspected" if -code == signal.SIGKILL else ""
        return f"the worker process was killed by signal {-code} ({signal.Signals(-code).name}){hint}"


def start(factory: Factory, *, memory: int | None, preload: Sequence[str]) -> Child:
    """Starts a child that builds the evaluation; `preload` names modules to import once for all children."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "cotune.worker.child", *preload])
    mine, theirs = context.Pipe()
    environment = {**QUIET, **os.environ}
    process = context.Process(target=serve, args=(theirs, factory, environment, memory), name="cotune worker")
    with _environment(QUIET), _unbroken():  # the fork server keeps the environment that it is started with
        process.start()
    theirs.close()
    return Child(process, mine)


def wait_until_ready(child: Child, is_stopped: Callable[[], bool], progress: Callable[[Progress], None]) -> Ready:
    """Waits until the evaluation is built and gives what it tells of itself; `progress` is told how far that is.

    Raises:
        Exception: what building it raised.
        ChildProcessError: the child died of it.
        KeyboardInterrupt: stopped meanwhile.
    """
    while True:
        try:
            message = child.receive()
        except EOFError:
            raise ChildProcessError(f"While the evaluation was loaded, {child.death()}.") from None
        if isinstance(message, Ready):
            return message
        if isinstance(message, Failed):
            raise message.error
        if isinstance(message, Progress):
            progress(message)
        if is_stopped():
            raise KeyboardInterrupt


@contextmanager
def _unbroken() -> Iterator[None]:
    """Holds Ctrl-C back meanwhile, and from the processes that are started: a terminal signals the whole group."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    missing = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]
