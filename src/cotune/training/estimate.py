"""The cost of a trial in seconds, from a few real examples."""

import time
from collections.abc import Callable

import torch

from cotune.training.engine import Engine
from cotune.training.mixing import Plan

SAMPLE = 8


def measured_seconds(engine: Engine, drawn: Plan) -> tuple[float, float]:
    """Gives the seconds of one trial of `drawn`, and what the first trial takes on top to fill the cache.

    It trains, scores and encodes about 8 examples of each kind of work, which takes seconds; outputs that leave the
    gold answer early make a trial slower than this says.
    """
    raise NotImplementedError(engine, drawn, time, Callable, torch)
