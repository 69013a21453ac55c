"""Ridge regressions on mixtures, their penalty chosen by leave-one-out error."""

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.surrogate import Array, Surrogate, shares

PENALTIES = np.logspace(-3, 3, 13)


def on_root_shares(x: Array, y: Array, candidates: Array) -> Array:
    """Predicts scores [mixture], linear in the square roots of the shares."""
    return _ridge(np.sqrt(shares(x)), y, np.sqrt(shares(candidates)))


def on_pairs(x: Array, y: Array, candidates: Array) -> Array:
    """Predicts scores [mixture], linear in which tasks are in and which pairs of them are."""
    return _ridge(_with_pairs(x), y, _with_pairs(candidates))


def _ridge(x: Array, y: Array, candidates: Array) -> Array:
    """Fits as Hoerl and Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal Problems."""
    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x, y)
    return np.asarray(model.predict(candidates))


def _with_pairs(parts: Array) -> Array:
    inside = (parts > 0).astype(float)  # [mixture, task]
    left, right = np.triu_indices(parts.shape[1], k=1)
    return np.concatenate([inside, inside[:, left] * inside[:, right]], axis=1)


ridge_shares = Surrogate(on_root_shares)
ridge_pairs = Surrogate(on_pairs)
