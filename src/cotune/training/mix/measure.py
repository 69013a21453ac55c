"""What a mixer is told of the model: losses and products of gradients, and the gradient of a batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from cotune.training.balance.contract import Array
from cotune.training.balance.losses import (
    answer_tokens,
    by_task,
    example_means,
    owners,
    packs,
    taken_gradient,
    weighted_sum,
)
from cotune.training.decoder import Decoder
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes
from cotune.training.losses import Pack
from cotune.training.mix.contract import Influence
from cotune.training.settings import Train

Pool = Mapping[str, Sequence[Example]]


@dataclass(frozen=True)
class Gauge:
    """Measures losses and gradients of trained `parameters`; `encode` has the trunk compute what it lacks first.

    `still` switches dropout off, if there is any; only `descend` has it, since that is a step of the training.
    """

    decoder: Decoder
    parameters: Sequence[nn.Parameter]
    train: Train
    pack_tokens: int
    encode: Callable[[Sequence[Example]], None]
    stakes: Mapping[str, Stakes] = field(default_factory=dict)
    still: Callable[[], AbstractContextManager[None]] = nullcontext

    def losses(self, examples: Sequence[Example]) -> Array:
        """Gives the mean loss of each example per answer token, [example]; a forward pass."""
        self.encode(examples)
        with self.still(), torch.no_grad():
            return np.concatenate([example_means([pack]) for pack in self._packs(examples)])

    def descend(self, batch: Sequence[Example], weights: Array) -> Array:
        """Adds the gradient of the sum of weight x mean loss, and gives the losses, both [example]."""
        self.encode(batch)
        means: list[Array] = []
        done = 0
        for pack in self._packs(batch):
            count = len(pack[0])
            means.append(example_means([pack]))
            weighted_sum(pack, weights[done : done + count]).backward()
            done += count
        return np.concatenate(means)

    def gradient(self, examples: Sequence[Example]) -> torch.Tensor:
        """Gives the gradient of the mean loss per answer token, [parameter], float32."""
        tokens = answer_tokens(examples)
        with self.still():
            self.descend(examples, tokens / tokens.sum())
        return taken_gradient(self.parameters)

    def _packs(self, examples: Sequence[Example]) -> Iterator[Pack]:
        return packs(self.decoder, examples, self.train, self.pack_tokens, self.stakes)


def factors(batch: Sequence[Example], names: Sequence[str], train: Train, weights: Array | None) -> Array:
    """Gives the factor on each example's mean loss, [example], with sum 1; the settings' own weights count as well.

    Without `weights` [task] all answer tokens count alike; with them each task counts by its weight.
    """
    owner = owners(names, batch)
    tokens = answer_tokens(batch) * np.array([train.weight(example.task) for example in batch])
    if weights is not None:
        tokens = weights[owner] * tokens / np.bincount(owner, weights=answer_tokens(batch), minlength=len(names))[owner]
    normal: Array = tokens / tokens.sum()
    return normal


def validation(gauge: Gauge, held: Pool, names: Sequence[str], step: int) -> Array:
    """Gives the loss of each task on its held-out rows, per answer token, [task].

    Raises:
        TrialError: a loss is not finite.
    """
    rows = [example for name in names for example in held[name]]
    losses = by_task(names, rows, gauge.losses(rows))
    check_finite("loss", float(losses.sum()), step)
    return losses


def influence(gauge: Gauge, held: Pool, probes: Pool, names: Sequence[str], step: int) -> Influence:
    """Gives the products of gradients on held-out rows and on `probes`; it keeps one gradient of each task.

    Raises:
        TrialError: a gradient is not finite.
    """
    aims = torch.stack([gauge.gradient(held[name]) for name in names])  # [held-out task, parameter]
    products, lengths = [], []
    for name in names:
        slope = gauge.gradient(probes[name])
        products.append((aims @ slope).double().cpu().numpy())
        lengths.append(float(slope.norm()))
    found = Influence(np.stack(products, axis=1), aims.norm(dim=1).double().cpu().numpy(), np.array(lengths))
    check_finite("gradient", float(found.products.sum()), step)
    return found
