"""Gradients at the hidden state under the output layer, where what the tasks share ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cotune.training.decoder import Decoder
from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes
from cotune.training.losses import answer_token_losses
from cotune.training.settings import Train


@dataclass(frozen=True)
class Half:
    """A pack with its graph cut under the output layer: that of the layers ends in `below`, the rest begins at `top`.

    `slope` is the gradient of each answer token's loss at the hidden state; all three are [..., answer token, width].
    """

    examples: Sequence[Example]
    below: torch.Tensor
    top: torch.Tensor
    slope: torch.Tensor
    losses: torch.Tensor  # [answer token]

    def descend(self, factors: torch.Tensor, pull: torch.Tensor | None) -> None:
        """Adds the gradient of the losses times `factors` [answer token] to the parameters, in one pass down.

        `pull` [answer token, width] is the slope of a penalty by this slope, which hangs on the hidden state as well.
        """
        upper = self.slope.detach() * factors.to(self.slope)[:, None]
        if pull is not None:
            (second,) = torch.autograd.grad(self.slope, self.top, grad_outputs=pull.to(self.slope).view_as(self.slope))
            upper = upper + second
        self.below.backward(upper)


def halved(
    decoder: Decoder, pack: Sequence[Example], train: Train, stakes: Mapping[str, Stakes], *, twice: bool
) -> Half:
    """Runs a pack up, and back to its hidden state; with `twice` its slope has a graph of its own.

    Without `twice` the logits are forgotten, so that a half holds the graph of the layers alone.
    """
    below, top, logits = decoder.parted(pack)
    losses = answer_token_losses(logits, pack, train, stakes)
    (slope,) = torch.autograd.grad(losses.sum(), top, create_graph=twice)
    return Half(pack, below, top, slope, losses.detach())


def by_owner(slope: torch.Tensor, owner: NDArray[np.int64], tokens: NDArray[np.float64]) -> torch.Tensor:
    """Gives the gradient of each present task's mean loss at the hidden state, [present task, width].

    It is the sum over the task's answer tokens: what a shift of the hidden state, the same at all tokens, would do to
    its loss. The tasks' tokens are others, so that there is nothing else to compare them by. `slope` is [answer token,
    width], `owner` and `tokens` are [example].
    """
    here, place = np.unique(owner, return_inverse=True)
    rows = torch.from_numpy(np.repeat(place, tokens.astype(int))).to(slope.device)
    total = torch.from_numpy(np.bincount(place, weights=tokens)).to(slope.device, torch.float32)
    found = torch.zeros(len(here), slope.shape[-1], device=slope.device)
    return found.index_add_(0, rows, slope.float()) / total[:, None]
