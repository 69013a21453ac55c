"""The training loop: AdamW over a plan's batches, in packs that fit in memory, stopped as soon as it diverges."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from cotune.training.decoder import Decoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.losses import total_weight, weighted_losses
from cotune.training.settings import Train


def rate(step: int, steps: int, train: Train) -> float:
    """Gives the learning rate of `step`, counted from 1: a linear warm-up, then the schedule towards 0.

    >>> [round(rate(step, 4, Train(lr=1.0, warmup=2)), 2) for step in (1, 2, 3, 4)]
    [0.5, 1.0, 0.67, 0.33]
    """
    rising = warmup_steps(steps, train)
    if step <= rising:
        return train.lr * step / rising
    done = (step - max(rising, 1)) / max(steps + 1 - max(rising, 1), 1)
    if train.schedule == "linear":
        return train.lr * (1 - done)
    return train.lr if train.schedule == "constant" else train.lr * (1 + math.cos(math.pi * done)) / 2


def warmup_steps(steps: int, train: Train) -> int:
    """Gives the length of the warm-up in steps; below 1 it is a fraction of all."""
    return round(steps * train.warmup) if train.warmup < 1 else round(train.warmup)


def fit(
    decoder: Decoder,
    parameters: Sequence[nn.Parameter],
    batches: Sequence[Sequence[Example]],
    *,
    train: Train,
    pack_tokens: int,
    progress: Callable[[int, int], None],
    descent: Callable[[Sequence[Example], int], float] | None = None,
) -> tuple[float, ...]:
    """Trains `parameters` on `batches` and gives the loss of each step; `progress` is told (done, total).

    The gradient of a step is that of its whole batch, whatever `pack_tokens` bounds a pack to. A `descent` of (batch,
    step) adds another gradient in its place and gives the loss; see `training/balance`.

    Raises:
        TrialError: a loss or a gradient is not finite; nothing is updated with it.
    """
    optimizer = torch.optim.AdamW(parameters, lr=train.lr, betas=train.betas, weight_decay=train.weight_decay)
    losses = []
    for step, batch in enumerate(batches, start=1):
        progress(step - 1, len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate(step, len(batches), train)
        losses.append(descent(batch, step) if descent else _descend(decoder, batch, train, pack_tokens, step))
        norm = float(nn.utils.clip_grad_norm_(parameters, train.clip or math.inf))
        check_finite("gradient", norm, step)
        optimizer.step()
        optimizer.zero_grad()
    progress(len(batches), len(batches))
    return tuple(losses)


def _descend(decoder: Decoder, batch: Sequence[Example], train: Train, pack_tokens: int, step: int) -> float:
    """Adds the gradient of the batch's mean loss and gives that loss."""
    divisor = total_weight(batch, train)
    loss = 0.0
    for pack in decoder.split(sorted(batch, key=lambda example: example.task), pack_tokens):
        part = weighted_losses(decoder.logits(pack), pack, train).sum() / divisor
        loss += float(part.detach())
        check_finite("loss", loss, step)
        part.backward()
    return loss


def check_finite(what: str, value: float, step: int) -> None:
    """Ends a trial with a number that is not finite.

    Raises:
        TrialError: it is not.
    """
    if not math.isfinite(value):
        raise TrialError(f"diverged: {what} is {value} at step {step}")
