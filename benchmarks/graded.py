"""Landscapes that are marked on dev rows: studies of known truth with both kinds of noise that real ones have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.tally import Tally
from cotune.task import Task
from cotune.testing import REGIMES, landscape, tabulate
from cotune.trial import Evaluate, ExampleResults, Request, TaskResult, Trial, each

HIT, MISS = (Tally("", 1.0, 1.0),), (Tally("", 0.0, 1.0),)
DIFFICULTY = 1.5
"""Spread of the rows' difficulty, in logits."""
UNEVEN = 0.35
"""Sd of the logarithm of the mixtures' seed noise: one in twenty is twice as noisy as the middle one, or half."""
EFFECTS = (0.1, 0.3, 1.0)
"""Distances from the median to the best mixture, in logits; a logit is about 20 points here."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations in logits: of a seed, of each row in a seed, and of what a mixture makes of a row.

    `unrest` is the noise of a mixture's seeds in units of `seed`. What one has less of than the noisiest is added to
    its rows, so that all have one variance, and mixtures of one quality one true score.
    """

    seed: float
    unrest: Mapping[Mixture, float]
    flip: float
    taste: float

    def of_seed(self, mixture: Mixture) -> float:
        """Gives the noise that all rows of a run share."""
        return self.seed * self.unrest[mixture]

    def of_row(self, mixture: Mixture) -> float:
        """Gives the noise that each row of a run has by itself."""
        most = self.seed * max(self.unrest.values())
        return sqrt(self.flip**2 + most**2 - self.of_seed(mixture) ** 2)


@dataclass(frozen=True)
class Graded:
    """A pool whose target is marked right or wrong on dev rows, and whose true scores are known.

    A row is right with odds exp(quality of the mixture - difficulty of the row + noise). The true score of a mixture is
    its chance on a row that is yet to be drawn, with a seed yet to be drawn.
    """

    names: tuple[str, ...]
    quality: Mapping[Mixture, float]
    others: Mapping[Mixture, NDArray[np.float64]]  # [task], scores of all tasks, of which the target's is not used
    rows: int
    noise: Noise
    seed: int

    def problem(self) -> Problem:
        """Gives the problem: the first task is the target."""
        return Problem([Task(name, "classification", metric="accuracy") for name in self.names], self.names[:1])

    def truth(self, mixture: Mixture) -> float:
        """Gives the true score of a mixture."""
        noise = self.noise
        own = noise.of_seed(mixture) ** 2 + noise.of_row(mixture) ** 2
        spread = sqrt(DIFFICULTY**2 + own + noise.taste**2)
        nodes, weights = hermegauss(40)
        return float((weights / (1 + np.exp(-self.quality[mixture] - spread * nodes))).sum() / weights.sum())

    def evaluate(self) -> Evaluate:
        """Gives the evaluation that trains nothing."""
        ids = tuple(str(row) for row in range(self.rows))
        hard = DIFFICULTY * np.random.default_rng([self.seed, 0]).standard_normal(self.rows)  # [row]
        numbers = {mixture: number for number, mixture in enumerate(self.quality)}

        def mark(request: Request) -> Trial:
            number, mixture = numbers[request.mixture], request.mixture
            taste = self.noise.taste * np.random.default_rng([self.seed, 1, number]).standard_normal(self.rows)
            rng = np.random.default_rng([self.seed, 2, number, request.seed])
            shared = self.noise.of_seed(mixture) * rng.standard_normal()
            own = self.noise.of_row(mixture) * rng.standard_normal(self.rows)  # [row]
            logits = self.quality[mixture] - hard + taste + shared + own  # [row]
            right = rng.random(self.rows) < 1 / (1 + np.exp(-logits))  # [row]
            examples = ExampleResults(ids, tuple(HIT if one else MISS for one in right))
            results = {self.names[0]: TaskResult(float(right.mean()), examples=examples)}
            shown = self.others[mixture] + 0.1 * self.noise.seed * rng.standard_normal(len(self.names))  # [task]
            results |= {name: TaskResult(float(score)) for name, score in zip(self.names[1:], shown[1:], strict=True)}
            return Trial(request, results)

        return each(mark)


def draw_graded(seed: int, number: int, *, is_flat: bool, sizes: Sequence[int] = (4, 5, 6, 7, 8)) -> Graded:
    """Draws problem `number` of a seed; of a flat one all mixtures are equally good, only chance tells them apart."""
    rng = np.random.default_rng([seed, number, int(is_flat)])
    regimes = [regime for regime in REGIMES if regime != "flat"]
    drawn = landscape(regimes[rng.integers(len(regimes))], rng, size=int(rng.choice(sizes)))
    table = tabulate(drawn)
    scores = table.values(table.names[0])
    values = np.array(list(scores.values()))  # [mixture]
    reach = max(float(values.max() - np.median(values)), 1e-9)
    effect = 0.0 if is_flat else float(rng.choice(EFFECTS))
    centre = float(rng.normal(0.5, 0.7))
    quality = {mixture: centre + effect * float(value - np.median(values)) / reach for mixture, value in scores.items()}
    every = table.scores[table.parts[:, 0] > 0]  # [mixture, task]
    shown = np.zeros_like(every) + (0.5 if is_flat else every)
    of_seed, flip, taste = (float(value) for value in rng.choice([0.05, 0.2, 0.5], 3))
    rows, own_seed = int(rng.choice([96, 200, 400])), int(rng.integers(2**31))
    unrest = np.exp(UNEVEN * rng.standard_normal(len(scores)))  # [mixture]
    return Graded(
        table.names,
        quality,
        dict(zip(scores, shown, strict=True)),
        rows=rows,
        noise=Noise(of_seed, dict(zip(scores, unrest.tolist(), strict=True)), flip, taste),
        seed=own_seed,
    )
