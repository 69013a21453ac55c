"""Studies of a pool whose datasets help or harm by known gains."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cotune import Problem, Request, Task, TaskResult, Trial, each
from cotune.journal import read_journal
from cotune.study import Study
from cotune.trial import Evaluate, Proposal

POOL = [Task(name, fingerprint=f"content of {name}") for name in "abcde"]
GAINS = {"a": 0.4, "b": 0.2, "c": -0.1, "d": 0.05, "e": -0.05}


def problem(names: str = "abcde", targets: str = "a") -> Problem:
    return Problem([task for task in POOL if task.name in names], targets=list(targets))


def score(request: Request) -> float:
    noise = np.random.default_rng([request.seed, *map(ord, "".join(request.mixture.names))]).normal(0, 0.01)
    return float(sum(GAINS[name] for name in request.mixture.names) + noise)


def measure(request: Request) -> dict[str, float]:
    return {"a": score(request)}


class Tuned:
    """An evaluation that tells what makes its scores comparable."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.calls: list[Request] = []

    def __call__(self, requests: Sequence[Request]) -> Iterable[Trial]:
        for request in requests:
            self.calls.append(request)
            yield Trial(request, {"a": TaskResult(score(request))})

    def settings(self) -> dict[str, object]:
        return {"budget": {"tokens": self.tokens}}


def counted(function: Callable[[Request], object] = measure) -> tuple[Evaluate, list[Request]]:
    calls: list[Request] = []

    def evaluate(request: Request) -> Trial:
        calls.append(request)
        return Trial(request, {name: TaskResult(value) for name, value in function(request).items()})  # type: ignore[attr-defined]

    return each(evaluate), calls


def sampler(
    problem: Problem, trials: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    """Learns the mean score from the trials, so that it can only be repeated if it is given the same ones."""
    known = {trial.request.mixture for trial in trials} | {request.mixture for request in pending}
    left = [mixture for mixture in problem.mixtures() if mixture not in known]
    mean = float(np.mean([problem.value(trial) for trial in trials if trial.is_finished] or [0]))
    picked = rng.permutation(len(left))[:count]
    return [Proposal(Request(left[index]), "random", mean, 0.1, 0.5 / (1 + len(trials))) for index in picked]


def run(folder: Path, evaluate: Evaluate | None = None, **options: object) -> Study:
    study = Study(folder, problem())
    study.run(evaluate or each(measure), **{"sampler": sampler, **options})  # type: ignore[arg-type]
    return study


def essence(folder: Path) -> list[object]:
    """What must be equal between two runs: all but seconds and attempts."""
    records = read_journal(folder).records
    return [
        (record.number, record.proposal, record.trial and replace(record.trial, seconds=0.0, device=""))
        for record in records
    ]
