"""The predictive samplers that a study can name."""

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.search.additive_process import AdditiveProcess
from cotune.search.ensemble import Ensemble
from cotune.search.features import encode_features
from cotune.search.measured import Measured
from cotune.search.predictive import PredictiveSampler
from cotune.search.prior_fitted import MOST_DATASETS, PriorFitted
from cotune.search.product import Product
from cotune.search.protocols import Predictor


def _network(problem: Problem, seed: int) -> Predictor:  # noqa: ARG001 - one signature for all predictors
    return Measured(Ensemble(seed))


def _process(problem: Problem, seed: int) -> Predictor:
    return Measured(AdditiveProcess(seed, leading=len(problem.measured)))


def _prior_fitted(problem: Problem, seed: int) -> Predictor:  # noqa: ARG001
    kept = len(problem.measured) - len(problem.targets)
    return PriorFitted(tuple(problem.names.index(name) for name in problem.targets), kept)


def _both(problem: Problem, seed: int) -> Predictor:
    if len(problem.tasks) > MOST_DATASETS:
        return _process(problem, seed)
    return Product((_prior_fitted(problem, seed), _process(problem, seed)))


def _parts(problem: Problem, parts: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: ARG001
    return parts


neural = PredictiveSampler(_network, encode_features)
"""The source paper's neural predictor, reconstructed: an ensemble of networks and expected improvement."""

process = PredictiveSampler(_process, _parts)
"""The same search without a network: additive Gaussian processes that know how set size matters."""

prior_fitted = PredictiveSampler(_prior_fitted, _parts)
"""The network that was trained beforehand: it reads the trials in one pass, and is fitted to nothing."""

default = PredictiveSampler(_both, _parts)
"""What a study uses unless told otherwise: that network (for up to 64 datasets) and the processes as one."""
