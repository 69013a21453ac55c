"""The columns that are read: most of the last layer runs at these alone.

Nothing mixes tokens after the last layer's attention, so what its network gives elsewhere is never seen, and no token
that is not read has to look at others: of those only keys and values are needed. That is nearly all of a layer; with
few layers above the cut it is a good part of a pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cotune.training.forwards import replaced

NETWORKS = ("mlp", "feed_forward", "ffn")
"""What families call the feed-forward network of a layer."""

QUERY_AND_OUTPUT = ("q_proj", "o_proj")
"""What most families call the maps of a layer's attention that make queries and outputs."""


@contextmanager
def only_read(layer: nn.Module, columns: torch.Tensor) -> Iterator[None]:
    """Lets the last `layer` compute queries, outputs and network at `columns` of [..., column, width] alone.

    Elsewhere they are 0. A part runs everywhere where a layer has none by a known name, has another forward (compiled,
    checkpointed, moved by accelerate), or drops out: the random numbers are then those of all columns.
    """
    parts = [] if "forward" in vars(layer) else [part for part in _parts(layer) if not _drops_out(part)]
    with replaced(parts, lambda whole: _at(whole, columns.unique())):
        yield


def _parts(layer: nn.Module) -> Iterator[nn.Module]:
    """Gives the parts of a layer that treat each token by itself, keys and values left out."""
    for name in NETWORKS:
        if isinstance(network := getattr(layer, name, None), nn.Module):
            yield network
            break
    attention = getattr(layer, "self_attn", None)
    for name in QUERY_AND_OUTPUT:
        if isinstance(projection := getattr(attention, name, None), nn.Module):
            yield projection


def _drops_out(network: nn.Module) -> bool:
    parts = network.modules()
    return any(isinstance(part, nn.Dropout) and part.training and part.p > 0 for part in parts)


def _at(part: nn.Module, columns: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    whole = part.forward

    def run(states: torch.Tensor) -> torch.Tensor:
        here = columns.to(states.device)
        some: torch.Tensor = whole(states.index_select(-2, here))
        return states.new_zeros(states.shape, dtype=some.dtype).index_copy(-2, here, some)

    return run
