"""What runs in the child process of a worker: build the evaluation, then run one batch after another."""

import ctypes
import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeAlias

from cotune.blame import place_of
from cotune.trial import Comparable, Evaluate, Progress, Request, Trial, side_by_side

Factory: TypeAlias = Callable[[Callable[[Progress], None]], Evaluate]
"""Builds the evaluation in the child, given whom to tell how far it is; a function of a module, or picklable."""

QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What keeps Hugging Face's libraries from drawing over the parent's progress bars."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Ready:
    """The evaluation is built; `settings` is None if it is not `Comparable`, `width` is how many run side by side."""

    settings: Mapping[str, object] | None
    width: int


@dataclass(frozen=True)
class Failed:
    """Building the evaluation, or a batch, raised this; `place` is where, which pickling may take from the error."""

    error: Exception
    place: str = ""


@dataclass(frozen=True)
class Done:
    """The batch is over."""


Message: TypeAlias = Ready | Failed | Done | Progress | Trial


def serve(
    connection: "Connection[Message, Sequence[Request]]",
    factory: Factory,
    environment: Mapping[str, str],
    memory: int | None,
) -> None:
    """Serves batches until the parent closes the connection or dies."""
    _die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a terminal signals the whole group; the parent decides
    os.dup2(2, 1)  # what training prints must not mix with the parent's output
    os.environ.update(environment)
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(BrokenPipeError, EOFError):  # the parent has gone
        _serve(connection, factory)


def _serve(connection: "Connection[Message, Sequence[Request]]", factory: Factory) -> None:
    try:
        evaluate = factory(connection.send)
        settings = evaluate.settings() if isinstance(evaluate, Comparable) else None
        connection.send(Ready(settings, side_by_side(evaluate)))
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        connection.send(Failed(_sendable(error)))
        return
    while True:
        requests = connection.recv()
        try:
            for trial in evaluate(requests):
                connection.send(trial)
            connection.send(Done())
        except Exception as error:  # noqa: BLE001 - raised again in the parent
            connection.send(Failed(_sendable(error), place_of(error)))


def _sendable(error: Exception) -> Exception:
    """Gives the error itself if it survives the way to the parent, else one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    except Exception:  # noqa: BLE001 - an exception class may fail in any way here
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _die_with_parent() -> None:
    """Makes this process end with its parent, even one that was killed.

    The kernel kills it when the fork server dies, which follows its own parent; a thread watches that parent besides.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
