"""The search half: samplers propose mixtures from the trials so far; nothing here imports a model."""

from cotune.search.anchors import all_datasets, target_only
from cotune.search.greedy import anchored_greedy, greedy_backward, greedy_forward
from cotune.search.leave_one_out import leave_one_out
from cotune.search.protocols import Acquisition, Predictor, Sampler
from cotune.search.random import random

default = anchored_greedy
neural = anchored_greedy

__all__ = [
    "Acquisition",
    "Predictor",
    "Sampler",
    "all_datasets",
    "anchored_greedy",
    "default",
    "greedy_backward",
    "greedy_forward",
    "leave_one_out",
    "neural",
    "random",
    "target_only",
]
