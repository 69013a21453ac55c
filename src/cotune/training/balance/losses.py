"""Losses and gradients of a batch by example and by task, as balancers see them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from cotune.training.balance.contract import Array
from cotune.training.decoder import Decoder
from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes
from cotune.training.losses import NO_STAKES, Pack, pack_losses
from cotune.training.settings import Train


def packs(
    decoder: Decoder,
    batch: Sequence[Example],
    train: Train,
    pack_tokens: int,
    stakes: Mapping[str, Stakes] = NO_STAKES,
) -> Iterator[Pack]:
    """Yields a batch pack by pack, in its order, each with the losses of its answer tokens."""
    yield from pack_losses(decoder, decoder.split(batch, pack_tokens), train, stakes)


def example_means(packs: Sequence[Pack]) -> Array:
    """Gives the mean loss of each example, [example]."""
    means: list[float] = []
    for examples, losses in packs:
        parts = losses.detach().double().cpu().split([len(example.answer) for example in examples])
        means += [float(part.mean()) for part in parts]
    return np.array(means)


def by_task(names: Sequence[str], batch: Sequence[Example], means: Array) -> Array:
    """Gives the mean loss per answer token of each task, [task]; NaN where the batch has no example of it."""
    owner = owners(names, batch)
    tokens = answer_tokens(batch)
    count = np.bincount(owner, weights=tokens, minlength=len(names))
    total = np.bincount(owner, weights=tokens * means, minlength=len(names))
    losses: Array = np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)
    return losses


def filled(losses: Array, last: Array) -> Array:
    """Gives losses [task] in which NaN is what was there `last`, or else the mean of the others.

    >>> filled(np.array([1.0, np.nan, np.nan]), np.array([4.0, 3.0, np.nan])).tolist()
    [1.0, 3.0, 1.0]
    """
    known = np.where(np.isnan(losses), last, losses)
    full: Array = np.where(np.isnan(known), np.nanmean(losses), known)
    return full


def owners(names: Sequence[str], batch: Sequence[Example]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Gives the position of each example's task among `names`, [example]."""
    return np.array([names.index(example.task) for example in batch], dtype=np.int64)


def answer_tokens(batch: Sequence[Example]) -> Array:
    """Gives how many answer tokens each example has, [example]."""
    return np.array([len(example.answer) for example in batch], dtype=np.float64)


def weighted_sum(pack: Pack, weights: Array) -> torch.Tensor:
    """Gives the sum of weight x mean loss over the examples of a pack; `weights` are [example]."""
    examples, losses = pack
    pairs = zip(examples, weights, strict=True)
    factors = [float(weight) / len(example.answer) for example, weight in pairs for _ in example.answer]
    return (losses * torch.tensor(factors, device=losses.device, dtype=losses.dtype)).sum()


def taken_gradient(parameters: Sequence[nn.Parameter]) -> torch.Tensor:
    """Gives the gradient that parameters hold as one row, [parameter], and takes it from them."""
    parts = [torch.zeros_like(p).flatten() if p.grad is None else p.grad.detach().flatten() for p in parameters]
    for parameter in parameters:
        parameter.grad = None
    return torch.cat([part.float().to(parts[0].device) for part in parts])  # a split model's are on several


def give_gradient(parameters: Sequence[nn.Parameter], gradient: torch.Tensor) -> None:
    """Sets the gradient of parameters from one row, [parameter]."""
    parts = gradient.split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter).to(parameter)
