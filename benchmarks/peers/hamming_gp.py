"""A plain Gaussian process over which datasets are in, with expected improvement."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from benchmarks.peers.surrogate import Array, Surrogate
from cotune.search import expected_improvement


def improvement(x: Array, y: Array, candidates: Array) -> Array:
    """Gives the expected improvement [mixture] over the best score so far."""
    mean, sd = _posterior(x, y, candidates)
    return expected_improvement(np.stack([mean - sd, mean + sd]) - y.max())  # two samples of this mean and spread


def posterior_mean(x: Array, y: Array, candidates: Array) -> Array:
    """Predicts scores [mixture]."""
    return _posterior(x, y, candidates)[0]


def _posterior(x: Array, y: Array, candidates: Array) -> tuple[Array, Array]:
    """Gives mean and standard deviation [mixture].

    The squared distance of 0/1 vectors is their Hamming distance, so that the usual squared exponential is the heat
    kernel of the cube (Kondor and Lafferty 2002, Diffusion Kernels on Graphs). Scale, reach and noise are those of the
    highest marginal likelihood.
    """
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(1.0, (0.3, 30.0)) + WhiteKernel(1e-2, (1e-6, 1.0))
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a reach at its bound is no fault
        model.fit(x > 0, y)
    mean, sd = model.predict(candidates > 0, return_std=True)
    return np.asarray(mean), np.asarray(sd)


hamming_gp = Surrogate(improvement)
