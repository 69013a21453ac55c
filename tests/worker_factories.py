"""Evaluations that a worker's child builds in the tests; a child imports them by name."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process

import numpy as np

from cotune import Request, Trial, each
from cotune.trial import Evaluate, Progress, TaskResult

Tell = Callable[[Progress], None]


def steady(tell: Tell) -> Evaluate:
    """Tells that it loads, then two steps, and gives a score that depends on the request alone."""
    tell(Progress(None, "load", 0, 1))

    def evaluate(request: Request) -> dict[str, float]:
        for step in (1, 2):
            tell(Progress(request, "train", step, 2))
        print("this would spoil the parent's output")
        return {"a": 0.1 * request.seed + 0.01 * len(request.mixture)}

    return each(evaluate)


def process_id(tell: Tell) -> Evaluate:
    """Gives the child's process number as the score."""
    return each(lambda request: {"a": float(os.getpid())})


@dataclass(frozen=True)
class DiesAt:
    """Ends its own process at the given seeds: by a signal, by exit, or by hanging."""

    by_signal: tuple[int, ...] = ()
    by_exit: tuple[int, ...] = ()
    by_hanging: tuple[int, ...] = ()
    by_raising: tuple[int, ...] = ()
    number: int = signal.SIGKILL

    def __call__(self, tell: Tell) -> Evaluate:
        def evaluate(request: Request) -> dict[str, float]:
            tell(Progress(request, "train", 0, 1))
            if request.seed in self.by_signal:
                signal.signal(self.number, signal.SIG_DFL) if self.number != signal.SIGKILL else None
                os.kill(os.getpid(), self.number)
            if request.seed in self.by_exit:
                os._exit(3)
            if request.seed in self.by_hanging:
                time.sleep(600)
            if request.seed in self.by_raising:
                raise ValueError(f"seed {request.seed} is refused")
            return {"a": float(request.seed)}

        return each(evaluate)


@dataclass(frozen=True)
class SideBySide:
    """Tells of all requests, and gives their trials together after so many seconds; dies with one of seed `fatal`."""

    seconds: float
    fatal: int = -1

    def __call__(self, tell: Tell) -> Evaluate:
        def evaluate(requests: Sequence[Request]) -> Iterable[Trial]:
            for request in requests:
                tell(Progress(request, "train", 0, 1))
            if self.fatal in [request.seed for request in requests]:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.seconds)
            return [Trial(request, {"a": TaskResult(0.5)}) for request in requests]

        return evaluate


@dataclass(frozen=True)
class Chatty:
    """Never ends, and tells so all the time."""

    def __call__(self, tell: Tell) -> Evaluate:
        def evaluate(request: Request) -> dict[str, float]:
            while True:
                tell(Progress(request, "train", 0, 1))
                time.sleep(0.01)

        return each(evaluate)


class Unpicklable(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raises_json_error(tell: Tell) -> Evaluate:
    """Raises an exception of which pickling keeps no notes."""
    return each(lambda request: json.loads("{"))


def raises_unpicklable(tell: Tell) -> Evaluate:
    def evaluate(request: Request) -> dict[str, float]:
        raise Unpicklable(1, 2)

    return each(evaluate)


def no_such_model(tell: Tell) -> Evaluate:
    raise ValueError("No such model 'smol'. Did you mean 'SmolLM2'?")


def dies_while_loading(tell: Tell) -> Evaluate:
    os.kill(os.getpid(), signal.SIGKILL)
    return steady(tell)


def loads_for_ever(tell: Tell) -> Evaluate:
    time.sleep(600)
    return steady(tell)


class Tuned:
    """An evaluation with settings."""

    def settings(self) -> dict[str, object]:
        return {"budget": {"tokens": 7}, "quiet": os.environ["TRANSFORMERS_VERBOSITY"], "child": bool(parent_process())}

    def __call__(self, requests: Sequence[Request]) -> Iterable[Trial]:
        for request in requests:
            yield Trial(request, {"a": TaskResult(0.5)})


def tuned(tell: Tell) -> Evaluate:
    return Tuned()


def greedy(tell: Tell) -> Evaluate:
    """Asks for four gigabytes."""
    return each(lambda request: {"a": float(np.ones(1 << 29).sum())})


class Wide(Tuned):
    """Runs several requests side by side, as its process tells."""

    def side_by_side(self) -> int:
        """Gives 3 in a child, 1 elsewhere."""
        return 3 if parent_process() else 1


def wide(tell: Tell) -> Evaluate:
    """Gives an evaluation with a width."""
    return Wide()
