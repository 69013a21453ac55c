"""A team: the processes that train one trial together, each on its share of every batch's packs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed, nn

PATIENCE = timedelta(minutes=30)
"""How long a member waits for the others; whoever dies is noticed at once."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Team:
    """A member's place in its team: `rank` of `size`. Alone it changes nothing."""

    rank: int = 0
    size: int = 1

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Gives those of `items` that this member works on."""
        return items[self.rank :: self.size]

    def begin(self, parameters: Sequence[nn.Parameter]) -> None:
        """Gives all members the first one's parameters."""
        if self.size > 1:
            for parameter in parameters:
                _first_ones(parameter)

    def total(self, parameters: Sequence[nn.Parameter], loss: float) -> float:
        """Sums gradients and losses over the members: each has those of the whole batch then, to the bit the same."""
        if self.size == 1:
            return loss
        grads = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in parameters]
        sizes = [weight.numel() for weight in parameters]
        whole = torch.cat([*(grad.detach().flatten().float().cpu() for grad in grads), torch.tensor([loss])])
        distributed.all_reduce(whole)
        for weight, grad, part in zip(parameters, grads, whole[:-1].split(sizes), strict=True):
            weight.grad = grad.copy_(part.view_as(grad))
        return float(whole[-1])


def join(place: Path, *, rank: int, size: int) -> Team:
    """Joins a team of this machine's processes that meet in the file `place`; waits for the others."""
    distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=size, timeout=PATIENCE)
    return Team(rank, size)


def part() -> None:
    """Leaves the team, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


@torch.no_grad()  # type: ignore[untyped-decorator]
def _first_ones(parameter: nn.Parameter) -> None:
    values = parameter.detach().cpu().float()
    distributed.broadcast(values, src=0)
    parameter.copy_(values)
