"""The two predictive samplers that a study can name."""

import numpy as np
from numpy.typing import NDArray

from cotune.problem import Problem
from cotune.search.additive_process import AdditiveProcess
from cotune.search.ensemble import Ensemble
from cotune.search.features import encode_features
from cotune.search.predictive import PredictiveSampler
from cotune.search.protocols import Predictor

Array = NDArray[np.float64]


def _process(problem: Problem, seed: int) -> Predictor:
    return AdditiveProcess(seed, leading=len(problem.targets))


def _ensemble(problem: Problem, seed: int) -> Predictor:  # noqa: ARG001 - one signature for all predictors
    return Ensemble(seed)


def _parts(problem: Problem, parts: Array) -> Array:  # noqa: ARG001 - one signature for all encodings
    return parts


default = PredictiveSampler(_process, _parts)
"""What a study uses unless told otherwise: additive Gaussian processes and expected improvement, from both anchors."""

neural = PredictiveSampler(_ensemble, encode_features)
"""The source paper's neural predictor, reconstructed: an ensemble of networks and expected improvement."""
