"""The columns that are read: the last layer's feed-forward network runs at these alone.

Nothing mixes tokens after the last layer's attention, so what its network gives elsewhere is never seen. The network is
three quarters of a layer; with few layers above the cut that is a good part of a pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cotune.training.forwards import replaced

NETWORKS = ("mlp", "feed_forward", "ffn")
"""What families call the network of a layer."""


@contextmanager
def only_read(layer: nn.Module, columns: torch.Tensor) -> Iterator[None]:
    """Lets the network of the last `layer` run at `columns` of [..., column, width]; elsewhere it gives 0.

    It runs everywhere where a layer has none by a known name, has another forward (compiled, checkpointed, moved by
    accelerate), or drops out: the random numbers are then those of all columns.
    """
    network = _network(layer)
    with replaced([network] if network is not None else [], lambda whole: _at(whole, columns.unique())):
        yield


def _network(layer: nn.Module) -> nn.Module | None:
    found = [getattr(layer, name, None) for name in NETWORKS]
    network = next((part for part in found if isinstance(part, nn.Module)), None)
    if network is None or "forward" in vars(layer) or _drops_out(network):
        return None
    return network


def _drops_out(network: nn.Module) -> bool:
    parts = network.modules()
    return any(isinstance(part, nn.Dropout) and part.training and part.p > 0 for part in parts)


def _at(network: nn.Module, columns: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    whole = network.forward

    def run(states: torch.Tensor) -> torch.Tensor:
        here = columns.to(states.device)
        some: torch.Tensor = whole(states.index_select(-2, here))
        return states.new_zeros(states.shape, dtype=some.dtype).index_copy(-2, here, some)

    return run
