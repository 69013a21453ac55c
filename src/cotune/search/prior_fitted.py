"""A neural predictor that was trained beforehand, on thousands of pools, to read a few trials at once."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from cotune.search.cells import cells, scale
from cotune.search.prior_network import Memory, locate, remember
from cotune.search.prior_weights import shipped_network

Array = NDArray[np.float64]

NODES = student.ppf((np.arange(16) + 0.5) / 16, 4)
"""Quantiles at which samples stand, of the Student distribution with 4 degrees of freedom that the network predicts."""
READ = 64
"""At most how many trials are read, about the most that the network was trained to read."""
MOST_DATASETS = 64
"""The largest pool that the network was trained to read; its time grows with the square of the pool."""
CHUNK = 2048
"""How many cells (mixtures times datasets) are read at a time: their arrays fit a processor's cache."""


@dataclass(frozen=True)
class PriorFitted:
    """A prior-data fitted network: it infers the scores of untried mixtures from the trials in one forward pass.

    Müller, Hollmann, Pineda Arango, Grabocka and Hutter (2022), Transformers Can Do Bayesian Inference; for search,
    Müller, Feurer, Hollmann and Hutter (2023), PFNs4BO. Ours attends among the datasets of a trial and among trials, so
    that the order of neither matters, sees every task's score in every trial, and was trained on small networks that
    were really trained on mixtures of real datasets (`pretraining/README.md`). It takes the place of the network that
    the source fits anew in each round.

    `targets` are the places of the targets among the datasets. Features are parts [mixture, task]. Outputs are the
    targets' scores alone, or those with what `cotune.search.evidence.outcomes` adds; predictions of the latter are nan,
    also those of the `kept` datasets' scores that come after the targets': it only saw mixtures that hold what they are
    scored on.
    """

    targets: tuple[int, ...]
    kept: int = 0
    x: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)  # [trial, task]
    y: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)  # [trial, output]
    memories: tuple[Memory, ...] = field(default=(), repr=False)

    def fit(self, x: Array, y: Array) -> Self:
        """Gives the predictor that has read scores `y` [trial, output] of parts `x` [trial, task].

        Of more than 64 trials it reads the best 32, and as many of the others, evenly from first to last.
        """
        read = _most_telling(y[:, : len(self.targets)].mean(axis=1))
        fitted = replace(self, x=x[read], y=y[read])
        network = shipped_network()
        memories = (remember(network, fitted._cells(x[:0], which)) for which in range(len(self.targets)))
        return replace(fitted, memories=tuple(memories))

    def predict(self, x: Array) -> Array:
        """Gives samples [sample, mixture, output] at parts `x` [mixture, task], each at one quantile of all mixtures.

        Raises:
            ValueError: it is not fitted.
        """
        if not self.memories:
            raise ValueError("A prior-fitted network predicts after `fit`; call `fit(x, y)` and use what it returns.")
        samples = np.full((len(NODES), len(x), self.y.shape[1]), np.nan)
        for which in range(len(self.targets)):
            samples[:, :, which] = self._samples(x, which)
        return samples

    def _samples(self, x: Array, which: int) -> Array:
        """Gives samples [sample, mixture] of the target number `which`."""
        asked = self._cells(x, which)[len(self.x) :]
        place, width = np.empty(len(x)), np.empty(len(x))
        step = max(1, CHUNK // x.shape[1])
        for chunk in (slice(start, start + step) for start in range(0, len(x), step)):
            found = locate(shipped_network(), self.memories[which], asked[chunk], self.targets[which])
            place[chunk], width[chunk] = found
        centre, spread = scale(self.y[None, :, which])
        return np.asarray(centre[0] + spread[0] * (place + NODES[:, None] * width))

    def _cells(self, x: Array, which: int) -> NDArray[np.float32]:
        """Gives the cells [run, task, feature] of the trials, if there are no mixtures `x` to ask about, or of both."""
        place = np.array([self.targets[which]])
        both = np.concatenate([self.x, x])  # [run, task]
        return np.asarray(cells(both[None], self._others()[None], self.y[None, :, which], place)[0])

    def _others(self) -> Array:
        """Gives what each trial says of each dataset [trial, task]: losses where they were measured, else scores."""
        tasks, first = self.x.shape[1], len(self.targets)
        if self.y.shape[1] == first:
            return np.full((len(self.y), tasks), np.nan)
        start = first + self.kept
        scores, losses = self.y[:, start : start + tasks], self.y[:, start + tasks :]
        return np.where(np.isfinite(losses).any(axis=0), losses, scores)


def _most_telling(values: Array) -> NDArray[np.int64]:
    """Gives the places of at most `READ` of `values` [trial], in their order."""
    if len(values) <= READ:
        return np.arange(len(values))
    best, others = np.split(np.argsort(-values, kind="stable"), [READ // 2])
    spread = np.linspace(0, len(others) - 1, READ - len(best)).round().astype(int)
    return np.sort(np.concatenate([best, np.sort(others)[spread]]))
