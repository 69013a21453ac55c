"""AdamW on a stack: every trial with its own learning rate, in a few operations on the whole table."""

import math
from collections.abc import Sequence

import torch

from cotune.training.settings import Train
from cotune.training.together.stack import kept_rows

EPSILON = 1e-8
PARTS = {"cpu": 1 << 18}
PART = 1 << 24
"""Numbers that are worked on together, so that what lies between takes little memory, and on a CPU stays near."""


class AdamW:
    """AdamW (Loshchilov and Hutter, 2019, "Decoupled Weight Decay Regularization", algorithm 2) on [trial, column].

    It works number by number, so a table of trials is what each of them alone would be; as `torch.optim.AdamW`.
    """

    def __init__(self, table: torch.Tensor, train: Train) -> None:
        self._mean = torch.zeros_like(table)
        self._square = torch.zeros_like(table)
        self._steps = 0
        self._betas = train.betas
        self._decay = train.weight_decay

    def step(self, table: torch.Tensor, gradients: torch.Tensor, rates: Sequence[float]) -> None:
        """Changes `table` against `gradients`, row i with the learning rate `rates[i]`."""
        self._steps += 1
        decay = _column([1 - rate * self._decay for rate in rates], table)
        size = _column([-rate / (1 - self._betas[0] ** self._steps) for rate in rates], table)
        columns = max(PARTS.get(table.device.type, PART) // len(table), 1)
        for start in range(0, table.shape[1], columns):
            part = slice(start, start + columns)
            self._step(table[:, part], gradients[:, part], part, decay, size)

    def _step(
        self, table: torch.Tensor, gradients: torch.Tensor, part: slice, decay: torch.Tensor, size: torch.Tensor
    ) -> None:
        (first, second), mean, square = self._betas, self._mean[:, part], self._square[:, part]
        mean.lerp_(gradients, 1 - first)
        square.mul_(second).addcmul_(gradients, gradients, value=1 - second)
        spread = square.sqrt().div_(math.sqrt(1 - second**self._steps)).add_(EPSILON)
        if self._decay:
            table.mul_(decay)
        table.addcmul_(mean / spread, size)

    def keep(self, trials: Sequence[int]) -> None:
        """Keeps the moments of `trials` only, which are in rising order."""
        self._mean, self._square = kept_rows(self._mean, trials), kept_rows(self._square, trials)


def clip(gradients: torch.Tensor, most: float | None) -> torch.Tensor:
    """Scales each row of `gradients` down to a norm of `most`, and gives the norms before, [trial]."""
    norms = torch.linalg.vector_norm(gradients, dim=1)
    if most is not None:
        gradients.mul_((most / (norms + 1e-6)).clamp(max=1.0)[:, None])
    return norms


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]
