"""A frozen linear module with an adapter for each trial beside it."""

from typing import Any, cast

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import dropout, pad

from cotune.training.together.seats import Dice, Seats


class Beside(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Gives each row what `base` gives, and what the adapter of the row's trial adds.

    `down` [trial, rank, in] and `up` [trial, out, rank] are LoRA's factors (Hu et al., 2021, "LoRA"); each row of a
    pass goes through those of its trial in one batched product. Values are computed in the dtype of the row.
    """

    down: torch.Tensor
    up: torch.Tensor
    gradients: tuple[torch.Tensor, torch.Tensor] | None  # of down and up, while they train

    def __init__(self, base: nn.Module, *, scale: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        self.scale = scale
        self.dropout = dropout
        self.seats = Seats((), None)
        self.dice: Dice | None = None
        self.gradients = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [row, token, in] to [row, token, out].

        Raises:
            ValueError: the model calls this module on another shape.
        """
        if x.dim() != 3:
            raise ValueError(f"rows of shape {tuple(x.shape)} cannot be told apart by trial")
        out: torch.Tensor = self.base(x)
        dropped = self._dropped(x) if self.dropout and self.dice is not None else x
        return cast(torch.Tensor, _Added.apply(out, dropped, self.down, self.up, self))

    def _dropped(self, x: torch.Tensor) -> torch.Tensor:
        dice, seats, parts = self.dice, self.seats, []
        for row, (trial, length) in enumerate(zip(seats.members, seats.lengths, strict=True)):
            with cast(Dice, dice).of(trial):
                part = dropout(x[row, :length].contiguous(), self.dropout)
            parts.append(pad(part, (0, 0, 0, x.shape[1] - length)))
        return torch.stack(parts)


class _Added(torch.autograd.Function):  # type: ignore[misc]
    """out + scale * x down^T up^T, row by row with the factors of the row's trial.

    What it keeps for the backward pass are the inputs and [row, token, rank]; factors of a part of the trials are
    taken out of the stack again there, and never kept as copies. Gradients go straight to where they are gathered.
    """

    @staticmethod
    def forward(
        ctx: Any, out: torch.Tensor, x: torch.Tensor, down: torch.Tensor, up: torch.Tensor, beside: Beside
    ) -> torch.Tensor:
        seats = beside.seats
        grouped = seats.group(x)
        inner = torch.bmm(grouped, _of(down, seats, x.dtype).mT)  # [member, token, rank]
        ctx.save_for_backward(grouped, inner, down, up)
        ctx.beside, ctx.seats, ctx.shape = beside, seats, x.shape
        added = torch.baddbmm(seats.group(out), inner, _of(up, seats, x.dtype).mT, alpha=beside.scale)
        return seats.ungroup(added, len(x))

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grouped, inner, down, up = ctx.saved_tensors
        seats, scale = ctx.seats, ctx.beside.scale
        given = seats.group(grad)
        back = torch.bmm(given, _of(up, seats, grad.dtype)).mul_(scale)  # [member, token, rank]
        for_down, for_up = ctx.beside.gradients
        _add(for_up, torch.bmm(given.mT, inner).mul_(scale), seats)
        _add(for_down, torch.bmm(back.mT, grouped), seats)
        for_x = torch.bmm(back, _of(down, seats, grad.dtype)).view(ctx.shape) if ctx.needs_input_grad[1] else None
        return grad, for_x, None, None, None


def _of(factors: torch.Tensor, seats: Seats, dtype: torch.dtype) -> torch.Tensor:
    """Gives the factors of the members; a copy where they are not the whole stack in order."""
    return (factors if seats.index is None else factors.index_select(0, seats.index)).to(dtype)


def _add(gradients: torch.Tensor, new: torch.Tensor, seats: Seats) -> None:
    """Adds the members' gradients to those of the whole stack."""
    if seats.index is None:
        gradients += new
    else:
        gradients.index_add_(0, seats.index, new.to(gradients.dtype))
