"""Gradient checkpointing: trained layers keep their inputs alone and compute again in the backward pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from cotune.training.forwards import replaced


@contextmanager
def checkpointed(layers: Sequence[nn.Module]) -> Iterator[None]:
    """Lets each of `layers` forget what it computed until its gradient is due.

    Memory is that of one layer's activations and all layers' inputs, for one more forward pass (Chen et al. 2016,
    "Training Deep Nets with Sublinear Memory Cost", section 4). It stands before a layer's own forward, so it asks
    nothing of a family. (transformers' way works in training mode only, which turns on dropout in the frozen model.)
    """
    with replaced(layers, lambda layer: partial(checkpoint, layer.forward, use_reentrant=False)):
        yield
