"""The search half: samplers propose mixtures from the trials so far; nothing here imports a model."""

from cotune.search.acquisition import UpperConfidence, expected_improvement
from cotune.search.additive_process import AdditiveProcess
from cotune.search.anchors import all_datasets, target_only
from cotune.search.ensemble import Ensemble
from cotune.search.exhaustive import Exhaustive
from cotune.search.features import features
from cotune.search.greedy import anchored_greedy, greedy_backward, greedy_forward
from cotune.search.leave_one_out import leave_one_out
from cotune.search.measured import Measured
from cotune.search.predictive import PredictiveSampler
from cotune.search.presets import default, neural, prior_fitted, process
from cotune.search.prior_fitted import PriorFitted
from cotune.search.product import Product
from cotune.search.protocols import Acquisition, Predictor, Sampler
from cotune.search.random_search import random

__all__ = [
    "Acquisition",
    "AdditiveProcess",
    "Ensemble",
    "Exhaustive",
    "Measured",
    "PredictiveSampler",
    "Predictor",
    "PriorFitted",
    "Product",
    "Sampler",
    "UpperConfidence",
    "all_datasets",
    "anchored_greedy",
    "default",
    "expected_improvement",
    "features",
    "greedy_backward",
    "greedy_forward",
    "leave_one_out",
    "neural",
    "prior_fitted",
    "process",
    "random",
    "target_only",
]
