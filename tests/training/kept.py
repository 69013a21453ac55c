"""States of balancers and mixers as a halted trial keeps them: arrays under names, equal to the bit or not."""

import copy
from dataclasses import replace

import numpy as np
import torch

SOON = {"dwa": {"window": 1}, "coba": {"warmup": 1}, "igb": {"warmup": 1}, "igb2": {"warmup": 1}}
"""Options under which balancers go by what they remember from the third step on."""


def kept(state):
    """Gives a deep copy of a state that has nothing but float64 arrays under names."""
    for name, array in state.items():
        assert type(name) is str
        assert type(array) is np.ndarray, name
        assert array.dtype == np.float64, name
    return copy.deepcopy(dict(state))


def differing(one, other):
    """Gives the names whose arrays, tensors or other values are not equal to the bit, or only in one of the two."""
    return sorted(name for name in one.keys() | other.keys() if not _same(one.get(name), other.get(name)))


def _same(one, other):
    if one is None or other is None:
        return one is other
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return np.array_equal(one, other, equal_nan=True) if isinstance(one, np.ndarray) else one == other


def halted(evaluate, request):
    """Takes what the engine keeps of a halted trial."""
    return evaluate.engine._trainer._halted.take(request)


def gone_on(evaluate, request, halt, state=None):
    """Goes on from a copy of `halt`, with another state of its balancer or mixer if one is given."""
    halt = copy.deepcopy(halt)
    if state is not None:
        halt = replace(halt, memory=replace(halt.memory, state=state))
    evaluate.engine._trainer._halted.put(request, halt)
    (trial,) = evaluate([request])
    return trial
