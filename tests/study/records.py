"""Records by hand and from samplers, to look at a search without a study."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cotune import Problem, Request, TaskResult, Trial
from cotune.mixture import Mixture
from cotune.search import PredictiveSampler, Sampler
from cotune.trial import Evaluate, Proposal, Record

Array = NDArray[np.float64]


def record(
    number: int, mixture: Mixture, value: float, *, mean: float | None = None, sd: float | None = None, seed: int = 0
) -> Record:
    """Gives an ended fine-tuning that scored `value` on task a; without a mean it is an anchor."""
    request = Request(mixture, seed)
    proposal = Proposal(request, "anchor: some" if mean is None else "predicted to improve", mean, sd)
    return Record(number, proposal, Trial(request, {"a": TaskResult(value)}), attempts=1)


def searched(
    problem: Problem,
    propose: Callable[[list[Record], np.random.Generator], list[Proposal]],
    evaluate: Evaluate,
    runs: int,
) -> list[Record]:
    """Gives the records of `runs` fine-tunings that were proposed one at a time."""
    records: list[Record] = []
    for number in range(runs):
        proposals = propose(records, np.random.default_rng([7, number]))
        if not proposals:
            break
        (trial,) = evaluate([proposals[0].request])
        assert problem.value(trial) is not None
        records.append(Record(number, proposals[0], trial, attempts=1))
    return records


def plainly(problem: Problem, sampler: Sampler) -> Callable[[list[Record], np.random.Generator], list[Proposal]]:
    """Gives proposals by the sampler alone."""
    return lambda records, rng: sampler(problem, trials_of(records), [], rng, 1)


def trials_of(records: Sequence[Record]) -> list[Trial]:
    return [record.trial for record in records if record.trial is not None]


class Inverted:
    """A linear predictor that is sure and always takes better for worse."""

    def __init__(self, weights: Array | None = None, middle: Array | None = None) -> None:
        self.weights, self.middle = weights, middle

    def fit(self, x: Array, y: Array) -> "Inverted":
        centred = x - 0.5
        ridge = centred.T @ centred + 0.01 * np.eye(x.shape[1])
        return Inverted(np.linalg.solve(ridge, centred.T @ (y - y.mean(axis=0))), y.mean(axis=0))

    def predict(self, x: Array) -> Array:
        assert self.weights is not None
        predicted = self.middle - (x - 0.5) @ self.weights
        return np.stack([predicted - 1e-3, predicted + 1e-3])


inverted = PredictiveSampler(lambda problem, seed: Inverted(), lambda problem, parts: parts)
