"""The training loop: AdamW over a plan's batches, in packs that fit in memory, stopped as soon as it diverges."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from cotune.training.decoder import Decoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.losses import total_weight, weighted_losses
from cotune.training.rank import Rank
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
    rank: Rank = Rank(),  # noqa: B008  (frozen)
) -> tuple[float, ...]:
    """Trains `parameters` on `batches` and gives the loss of each step; `progress` is told (done, total).

    The gradient of a step is that of its whole batch, whatever `pack_tokens` bounds a pack to and whichever other
    ranks have a share of it.

    Raises:
        TrialError: a loss or a gradient is not finite; nothing is updated with it.
    """
    rank.begin(parameters)
    optimizer = torch.optim.AdamW(parameters, lr=train.lr, betas=train.betas, weight_decay=train.weight_decay)
    losses = []
    for step, batch in enumerate(batches, start=1):
        progress(step - 1, len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate(step, len(batches), train)
        loss = _descend(decoder, share_of(decoder, batch, pack_tokens, rank), train, total_weight(batch, train))
        losses.append(rank.total(parameters, loss))
        _check_finite("loss", losses[-1], step)
        norm = float(nn.utils.clip_grad_norm_(parameters, train.clip or math.inf))
        _check_finite("gradient", norm, step)
        optimizer.step()
        optimizer.zero_grad()
    progress(len(batches), len(batches))
    return tuple(losses)


def share_of(decoder: Decoder, batch: Sequence[Example], pack_tokens: int, rank: Rank) -> Sequence[Sequence[Example]]:
    """Gives the packs of a batch that a process works on; packs are smaller if there were too few for all."""
    ordered = sorted(batch, key=lambda example: example.task)
    packs = decoder.split(ordered, pack_tokens)
    if len(packs) < rank.size:
        packs = decoder.split(ordered, -(-sum(example.tokens for example in ordered) // rank.size))
    return rank.share(packs)


def _descend(decoder: Decoder, packs: Sequence[Sequence[Example]], train: Train, divisor: float) -> float:
    """Adds the gradient of the packs' weighted losses over `divisor`, and gives their sum."""
    loss = 0.0
    for pack in packs:
        part = weighted_losses(decoder.logits(pack), pack, train).sum() / divisor
        loss += float(part.detach())
        part.backward()
    return loss


def _check_finite(what: str, value: float, step: int) -> None:
    if not math.isfinite(value):
        raise TrialError(f"diverged: {what} is {value} at step {step}")
