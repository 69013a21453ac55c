"""A small study as a program of its own, to be killed; `python study_program.py FOLDER TRIALS BATCH DELAY [worker]`."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cotune import Problem, Request, Task, TaskResult, Trial, each
from cotune.journal import read_journal
from cotune.search import random
from cotune.study import Study, interruptible
from cotune.tally import Tally
from cotune.trial import Evaluate, ExampleResults, Exposure, Progress
from cotune.worker import Worker

PROBLEM = Problem([Task(name, fingerprint=name) for name in "abcdef"], targets=["a"])


def measure(request: Request) -> Trial:
    """Gives a complete trial that depends on the request alone."""
    rng = np.random.default_rng([request.seed, *(ord(name) for name in request.mixture.names)])
    results = {name: TaskResult(float(rng.random()), float(rng.random()), examples=examples(rng)) for name in "abcdef"}
    exposure = {name: Exposure(int(rng.integers(1000)), 10, 0.5) for name in request.mixture.names}
    return Trial(request, results, exposure, train_loss=tuple(rng.random(5).tolist()))


def examples(rng: np.random.Generator) -> ExampleResults:
    rows = range(48)
    tallies = tuple((Tally("", float(rng.integers(2)), 1.0),) for _ in rows)
    return ExampleResults(tuple(map(str, rows)), tallies, tuple(rng.random(48).tolist()), (3,) * 48, ("yes; no",) * 48)


@dataclass(frozen=True)
class Slowly:
    """Measures after a delay, which widens the window for a kill."""

    delay: float

    def __call__(self, progress: Callable[[Progress], None]) -> Evaluate:
        def evaluate(request: Request) -> Trial:
            time.sleep(self.delay)
            return measure(request)

        return each(evaluate)


def essence(folder: Path) -> list[object]:
    """What must be equal between a killed and an uninterrupted study: all but seconds, device and attempts."""
    return [
        (record.number, record.proposal, record.trial and replace(record.trial, seconds=0.0, device=""))
        for record in read_journal(folder).records
    ]


def main(arguments: Sequence[str]) -> None:
    folder, trials, batch, delay, *rest = arguments
    study = Study(folder, PROBLEM)
    factory = Slowly(float(delay))
    if not rest:
        study.run(factory(lambda progress: None), sampler=random, trials=int(trials), batch=int(batch))
        return
    with Worker(factory) as worker, interruptible(study.request_stop, worker.request_stop):
        study.run(worker, sampler=random, trials=int(trials), batch=int(batch))


if __name__ == "__main__":
    main(sys.argv[1:])
