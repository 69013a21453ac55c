"""Ranks: helper processes with a model of their own that train and score a trial together with this one."""

import multiprocessing
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeAlias

import torch

from cotune.training.errors import TrialError
from cotune.training.lora import State
from cotune.training.memory import is_out_of_memory
from cotune.training.mixing import Plan
from cotune.training.rank import Rank, join
from cotune.training.scoring import Exam
from cotune.training.setup import Setup
from cotune.trial import TaskResult

SECONDS = 5
"""How long one that failed may take to say why."""

Results: TypeAlias = dict[str, TaskResult]


@dataclass(frozen=True)
class Begin:
    """Begins a trial: an adapter from a seed or a state."""

    seed: int
    state: State | None


@dataclass(frozen=True)
class Train:
    """Trains the adapter, in packs of at most `limit` tokens."""

    drawn: Plan
    limit: int


@dataclass(frozen=True)
class Sit:
    """Scores the model as it is now on some exams."""

    exams: tuple[Exam, ...]
    limit: int


@dataclass(frozen=True)
class Meet:
    """Says in which file the processes meet."""

    place: Path


@dataclass(frozen=True)
class End:
    """Ends a trial."""


@dataclass(frozen=True)
class Failed:
    """What went wrong in a helper."""

    text: str
    is_memory: bool


Order: TypeAlias = Meet | Begin | Train | Sit | End
Answer: TypeAlias = Results | Failed


@dataclass(frozen=True)
class Helper:
    """A started helper."""

    process: BaseProcess
    connection: "Connection[Order, Answer]"

    def receive(self) -> Results:
        """Waits for an answer.

        Raises:
            MemoryError: the helper ran out of it.
            TrialError: anything else went wrong in it.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(5)
            raise TrialError(f"a process of the trial ended by itself (exit code {self.process.exitcode})") from None
        if isinstance(answer, Failed):
            raise MemoryError(answer.text) if answer.is_memory else TrialError(answer.text)
        return answer


class Ranks:
    """The helpers of an engine: `size` processes in all with it, started when a trial first needs them.

    The engine is the one that talks to the study. After anything goes wrong the helpers are ended, and others start
    with the next trial; so none waits for one that will not come. One alone needs none.
    """

    def __init__(self, setup: Setup, *, size: int) -> None:
        self._setup = setup
        self._size = size
        self._helpers: list[Helper] = []
        self.own = Rank()

    @contextmanager
    def trial(self, begin: Begin) -> Iterator[None]:
        """Lets the helpers take part in a trial.

        Raises:
            MemoryError: a helper ran out of it.
            TrialError: a helper failed or died.
        """
        if not self._helpers and self._size > 1:
            self._start()
        self.tell(begin)
        try:
            yield
        except BaseException as error:
            reason = self._reason(error)
            self.close()
            if reason is None:
                raise
            raise reason from error
        self.tell(End())

    def tell(self, order: Order) -> None:
        """Gives all helpers an order."""
        for helper in self._helpers:
            with suppress(OSError):  # one that died is noticed where it is waited for
                helper.connection.send(order)

    def sit(self, exams: Sequence[Exam], limit: int, own: Callable[[Sequence[Exam]], Results]) -> Results:
        """Gives the results of `exams`, each scored by one process, our share by `own`."""
        if not self._helpers:
            return own(exams)
        try:
            for rank, helper in enumerate(self._helpers, start=1):
                helper.connection.send(Sit(tuple(exams[rank :: self._size]), limit))
            found = own(exams[:: self._size])
            for helper in self._helpers:
                found |= helper.receive()
        except BaseException:
            self.close()
            raise
        return {exam.task.name: found[exam.task.name] for exam in exams}

    def close(self) -> None:
        """Ends the helpers."""
        for helper in self._helpers:
            helper.process.kill()
            helper.process.join(10)
            helper.connection.close()
        self._helpers = []
        self.own = Rank()

    def _reason(self, error: BaseException) -> Exception | None:
        """Gives what a helper died of, where the lack of it is what made `error`."""
        if not isinstance(error, RuntimeError | OSError):
            return None
        for helper in self._helpers:
            if helper.connection.poll(SECONDS):
                try:
                    helper.receive()
                except (MemoryError, TrialError) as reason:
                    return reason
        return None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        for rank in range(1, self._size):
            ours, theirs = context.Pipe()
            given = (rank, self._size, member(self._setup, rank), theirs)
            process = context.Process(target=_serve, args=given, daemon=True, name=f"cotune trial, process {rank}")
            process.start()
            theirs.close()
            self._helpers.append(Helper(process, ours))
        try:
            for helper in self._helpers:
                helper.receive()  # its model is loaded
            with tempfile.TemporaryDirectory(prefix="cotune-") as folder:
                self.tell(Meet(Path(folder, "meeting")))
                self.own = join(Path(folder, "meeting"), rank=0, size=self._size)
                for helper in self._helpers:
                    helper.receive()  # it has joined as well: only now nobody reads the file any more
        except BaseException:
            self.close()
            raise


def member(setup: Setup, rank: int) -> Setup:
    """Gives the setup of process `rank`, which takes a GPU of its own where GPUs are used."""
    device = setup.train.device
    if torch.cuda.is_available() and device in ("auto", "cuda"):
        device = f"cuda:{rank % torch.cuda.device_count()}"
    return replace(setup, train=replace(setup.train, processes=1, device=device))


def _serve(rank: int, size: int, setup: Setup, connection: "Connection[Answer, Order]") -> None:
    """Carries out orders until the engine closes the connection or dies."""
    from cotune.training.engine import Engine

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal signals all processes; the engine decides
    try:
        engine = Engine(setup, lambda _: None)
        connection.send({})
        meet = connection.recv()
        if isinstance(meet, Meet):
            engine.ranks.own = join(meet.place, rank=rank, size=size)
            connection.send({})
        while True:
            engine.follow(connection)
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001 - told to the engine, which raises it
        text = f"{type(error).__name__}: {error} (in process {rank} of the trial)"
        with suppress(OSError):
            connection.send(Failed(text, is_out_of_memory(error)))
