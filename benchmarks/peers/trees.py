"""Randomised trees over which datasets are in, with expected improvement."""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from benchmarks.peers.surrogate import Array, Surrogate
from cotune.search import expected_improvement


def improvement(x: Array, y: Array, candidates: Array) -> Array:
    """Gives the expected improvement [mixture] over the best score so far; the trees' spread is the uncertainty.

    Geurts, Ernst and Wehenkel (2006), Extremely Randomized Trees, grown on bootstrap samples, on which datasets are in
    and how many.
    """
    model = ExtraTreesRegressor(64, min_samples_leaf=2, bootstrap=True, random_state=len(y)).fit(_features(x), y)
    inside = _features(candidates).astype(np.float32)
    return expected_improvement(np.stack([tree.predict(inside) for tree in model.estimators_]) - y.max())


def _features(parts: Array) -> Array:
    return np.concatenate([parts > 0, np.log((parts > 0).sum(axis=1, keepdims=True))], axis=1)


trees = Surrogate(improvement)
