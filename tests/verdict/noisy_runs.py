"""Simulated runs for the tests of verdict and effects: example, seed and mixture noise of known size."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.tally import Tally
from cotune.task import Task
from cotune.trial import ExampleResults, Proposal, Record, Request, TaskResult, Trial

HIT, MISS = (Tally("", 1.0, 1.0),), (Tally("", 0.0, 1.0),)
ROWS = 96


def pool(names: str = "abcdefgh", metric: str = "accuracy") -> list[Task]:
    return [Task(name, "classification", metric=metric) for name in names]


def trial(mixture: Mixture, seed: int = 0, hits: Iterable[bool] = (), task: str = "a") -> Trial:
    tallies = tuple(HIT if hit else MISS for hit in hits)
    score = sum(tally == HIT for tally in tallies) / max(len(tallies), 1)
    examples = ExampleResults(tuple(map(str, range(len(tallies)))), tallies)
    return Trial(Request(mixture, seed), {task: TaskResult(score, examples=examples)})


def bare(mixture: Mixture, score: float, seed: int = 0, **more: float) -> Trial:
    """A trial without per-example results; scores of further tasks by keyword."""
    return Trial(Request(mixture, seed), {name: TaskResult(value) for name, value in {"a": score, **more}.items()})


def records(*lines: tuple[str, Trial]) -> list[Record]:
    return [
        Record(number, Proposal(run.request, reason), run, attempts=1) for number, (reason, run) in enumerate(lines)
    ]


@dataclass
class Bench:
    """Scores mixtures of given quality (logit) on ROWS dev rows of varying difficulty."""

    quality: Callable[[Mixture], float]
    rng: np.random.Generator
    seed_sd: float = 0.3
    flip_sd: float = 0.3
    mixture_sd: float = 0.3
    hard: NDArray[np.float64] = field(init=False)
    taste: dict[Mixture, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hard = self.rng.normal(0, 1.5, ROWS)

    def run(self, mixture: Mixture, seed: int = 0) -> Trial:
        taste = self.taste.setdefault(mixture, self.rng.normal(0, self.mixture_sd, ROWS))
        shift = self.rng.normal(0, self.seed_sd) + self.rng.normal(0, self.flip_sd, ROWS)
        logit = self.quality(mixture) + self.hard + taste + shift
        return trial(mixture, seed, self.rng.random(ROWS) < 1 / (1 + np.exp(-logit)))

    def expected(self, mixture: Mixture) -> float:
        """Score over all possible rows and seeds, by quadrature."""
        spread = np.sqrt(1.5**2 + self.seed_sd**2 + self.flip_sd**2 + self.mixture_sd**2)
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        return float(weights @ (1 / (1 + np.exp(-self.quality(mixture) - spread * nodes))) / weights.sum())


def random_mixtures(problem: Problem, rng: np.random.Generator, how_many: int) -> list[Mixture]:
    found: dict[Mixture, None] = {}
    while len(found) < how_many:
        free = [name for name in problem.free if rng.random() < 0.5]
        found[Mixture.of([*problem.required, *free])] = None
    return list(found)
