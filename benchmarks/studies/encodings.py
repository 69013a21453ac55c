"""Groups of features, by themselves and together, as arrays that a search looks up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.pools import Pool
from cotune.problem import Problem
from cotune.search import Ensemble, Measured, PredictiveSampler
from cotune.search.features import encode_features, feature_names

Array = NDArray[np.float64]

ENCODINGS: dict[str, tuple[str, ...]] = {
    "inclusion": ("inclusion",),
    "size": ("size",),
    "shares": ("shares",),
    "contents": ("contents",),
    "inclusion + size": ("inclusion", "size"),
    "size + contents": ("size", "contents"),
    "inclusion + size + contents": ("inclusion", "size", "contents"),
}
"""What each encoding holds."""


_KINDS = {"parts": "inclusion", "size": "size"}
"""The group of a feature by what its name begins with; the rest is about contents."""


@dataclass(frozen=True)
class Encoded:
    """The feature groups of every combination of a pool that holds a target, looked up by its parts."""

    parts: Array  # [mixture, task]
    groups: dict[str, Array]  # each [mixture, feature]

    def features(self, parts: Array, groups: Sequence[str]) -> Array:
        """Gives the features [mixture, feature] of `parts` [mixture, task]."""
        rows = np.searchsorted(_codes(self.parts), _codes(parts))
        return np.concatenate([self.groups[group][rows] for group in groups], axis=1)


def encoded(pool: Pool, target: str) -> Encoded:
    """Encodes the combinations of a pool with texts, in the order of their codes."""
    problem = pool.problem(target)
    parts = problem.encode(pool.table.values(target))  # [mixture, task]
    parts = parts[np.argsort(_codes(parts))]
    names, values = feature_names(problem), encode_features(problem, parts)
    kinds = np.array([_KINDS.get(name.partition(":")[0], "contents") for name in names])
    groups = {kind: values[:, kinds == kind] for kind in ("inclusion", "size", "contents")}
    return Encoded(parts, groups | {"shares": np.sqrt(parts / parts.sum(axis=1, keepdims=True))})


def sampler(known: Encoded, groups: Sequence[str]) -> PredictiveSampler:
    """Gives the reconstruction's search with half its members, fed with these groups alone."""

    def encode(_: Problem, parts: Array) -> Array:
        return known.features(parts, groups)

    return PredictiveSampler(lambda _, seed: Measured(Ensemble(seed, members=8)), encode)


def _codes(parts: Array) -> NDArray[np.int64]:
    """Gives a number [mixture] for each row of flags [mixture, task]."""
    return (parts > 0) @ (1 << np.arange(parts.shape[1]))
