"""The source paper's predictor at its plainest: one small network on which datasets are in, and its best guess."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.peers.surrogate import Array, Surrogate


def network(x: Array, y: Array, candidates: Array) -> Array:
    """Predicts scores [mixture] with one network of two hidden layers, squared error, no uncertainty.

    Zhan and Zhang (2025), Towards Better Multi-task Learning, published neither layers nor loss nor stop rule; `neural`
    is our reconstruction of it with what it is known to need. This one has the binary vector alone and no exploration.
    """
    spread = max(float(y.std()), 1e-12)
    model = MLPRegressor(hidden_layer_sizes=(32, 32), solver="lbfgs", alpha=1e-2, max_iter=300, random_state=len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x > 0, (y - y.mean()) / spread)
    return np.asarray(model.predict(candidates > 0))


reconstruction = Surrogate(network)
