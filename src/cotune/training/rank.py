"""A rank: the place of a process among those that train one trial together, each on its share of a batch's packs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.distributed import FileStore, ProcessGroupGloo

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others; whoever dies is noticed at once."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Rank:
    """A process: number `number` of `size`. Alone it changes nothing."""

    number: int = 0
    size: int = 1
    group: ProcessGroupGloo | None = None

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Gives those of `items` that this process works on."""
        return items[self.number :: self.size]

    def begin(self, parameters: Sequence[nn.Parameter]) -> None:
        """Gives all processes the first one's parameters."""
        if self.group is None:
            return
        for parameter in parameters:
            values = parameter.detach().float().cpu()
            self.group.broadcast(values, 0).wait()
            with torch.no_grad():
                parameter.copy_(values)

    def total(self, parameters: Sequence[nn.Parameter], loss: float) -> float:
        """Sums gradients and losses over the processes: each has those of the whole batch then, to the bit the same."""
        if self.group is None:
            return loss
        grads = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in parameters]
        sizes = [weight.numel() for weight in parameters]
        whole = torch.cat([*(grad.detach().flatten().float().cpu() for grad in grads), torch.tensor([loss])])
        self.group.allreduce([whole]).wait()
        for weight, grad, part in zip(parameters, grads, whole[:-1].split(sizes), strict=True):
            weight.grad = grad.copy_(part.view_as(grad))
        return float(whole[-1])


def join(place: Path, *, rank: int, size: int) -> Rank:
    """Joins other processes of this machine, which meet in the file `place`; waits for the others.

    The group is their own: torch's default one would be one for all engines of a process.
    """
    return Rank(rank, size, ProcessGroupGloo(FileStore(str(place), size), rank, size, PATIENCE))
