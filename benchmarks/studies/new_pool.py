"""Predictions for a pool that was never searched, from what happened in others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor

from benchmarks.pools import Pool
from benchmarks.studies.encodings import Encoded

Array = NDArray[np.float64]

TRAINED = 24
"""How many combinations of each problem of the other pools are learned from."""
TRIED = 6
"""Of so many combinations that are ranked first the best counts."""
DRAWS = 1000


@dataclass(frozen=True)
class Known:
    """A problem of one pool: features and scores of every combination, and which datasets they hold."""

    pool: str
    name: str
    encoded: Encoded
    scores: Array  # [mixture], in the order of `encoded`
    datasets: tuple[str, ...]  # [task]
    target: str

    def features(self, groups: Sequence[str], library: Sequence[str]) -> Array:
        """Gives features [mixture, feature] that mean the same in every pool.

        Inclusion and shares are by dataset of the `library`, with the target flagged; size and contents as they are.
        """
        return np.concatenate([self._group(group, library) for group in groups], axis=1)

    def _group(self, group: str, library: Sequence[str]) -> Array:
        values = self.encoded.groups[group]
        if group not in ("inclusion", "shares"):
            return values
        places = np.zeros((len(self.datasets), len(library)))  # [task, dataset]
        places[np.arange(len(self.datasets)), [library.index(name) for name in self.datasets]] = 1
        flag = np.broadcast_to([name == self.target for name in library], (len(values), len(library)))
        return np.concatenate([values @ places, flag], axis=1)


def known(pool: Pool, target: str, encoded: Encoded, datasets: tuple[str, ...]) -> Known:
    """Gives a problem with its scores in the order of `encoded`."""
    truth = pool.table.values(target)
    parts = pool.table.problem(target).encode(truth)  # [mixture, task]
    by_parts = {tuple(row): score for row, score in zip(parts, truth.values(), strict=True)}
    scores = np.array([by_parts[tuple(row)] for row in encoded.parts])
    own = datasets[pool.table.names.index(target)]
    return Known(pool.name, f"{pool.name}/{target}", encoded, scores, datasets, own)


def predicted(problems: Sequence[Known], asked: Sequence[Known], groups: Sequence[str]) -> dict[str, Array]:
    """Gives what boosted trees that saw all problems but those of its own pool predict of each one `asked` [mixture].

    Scores are standardised in each problem; contents and names are all that tells two problems apart.
    """
    library = sorted({name for problem in [*problems, *asked] for name in problem.datasets})
    rng = np.random.default_rng(0)
    drawn = {problem.name: rng.permutation(len(problem.scores))[:TRAINED] for problem in problems}
    found = {}
    for pool in dict.fromkeys(problem.pool for problem in asked):
        others = [problem for problem in problems if problem.pool != pool]
        x = np.concatenate([problem.features(groups, library)[drawn[problem.name]] for problem in others])
        y = np.concatenate([standardised(problem.scores)[drawn[problem.name]] for problem in others])
        model = HistGradientBoostingRegressor(max_iter=100, max_leaf_nodes=15, random_state=0).fit(x, y)
        mine = [problem for problem in asked if problem.pool == pool]
        found |= {problem.name: model.predict(problem.features(groups, library)) for problem in mine}
    return found


def standardised(scores: Array) -> Array:
    """Gives scores with mean 0 and standard deviation 1."""
    return np.asarray((scores - scores.mean()) / max(float(scores.std()), 1e-12))


def correlation(predicted: Array, scores: Array) -> float:
    """Gives the rank correlation, 0 for a prediction that ranks nothing."""
    return 0.0 if np.ptp(predicted) == 0 else float(spearmanr(predicted, scores).statistic)


def regret_of_first(predicted: Array, scores: Array, tried: int = TRIED) -> float:
    """Gives the normalised regret of the best of the combinations that are ranked first."""
    first = np.argsort(-predicted, kind="stable")[:tried]
    return regret(float(scores[first].max()), scores)


def regret_of_random(scores: Array, tried: int = TRIED) -> float:
    """Gives the mean normalised regret of the best of so many random combinations."""
    rng = np.random.default_rng(0)
    best = [scores[rng.permutation(len(scores))[:tried]].max() for _ in range(DRAWS)]
    return regret(float(np.mean(best)), scores)


def regret(score: float, scores: Array) -> float:
    """Gives the distance to the best, in distances from the mean to the best."""
    spread = scores.max() - scores.mean()
    return float((scores.max() - score) / spread) if spread > 0 else 0.0
