"""Passes over a batch that a balancer asks for: losses, gradients by task, halves."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import nn

from cotune.training.balance.ahead import shifted
from cotune.training.balance.contract import Array, told
from cotune.training.balance.hidden import Half, halved
from cotune.training.balance.losses import answer_tokens, example_means, packs, taken_gradient, weighted_sum
from cotune.training.decoder import Decoder
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes
from cotune.training.losses import Pack
from cotune.training.settings import Train


@dataclass(frozen=True)
class Passes:
    """A decoder in training, in packs; `still` switches its dropout off, if there is any."""

    decoder: Decoder
    parameters: Sequence[nn.Parameter]
    train: Train
    pack_tokens: int
    stakes: Mapping[str, Stakes]
    still: Callable[[], AbstractContextManager[None]] | None = None

    def packs(self, batch: Sequence[Example]) -> Iterator[Pack]:
        """Yields a batch pack by pack, each with the losses of its answer tokens."""
        return packs(self.decoder, batch, self.train, self.pack_tokens, self.stakes)

    def halves(self, batch: Sequence[Example], *, twice: bool) -> Iterator[Half]:
        """Yields a batch pack by pack, each cut at its hidden state; see `halved`."""
        for pack in self.decoder.split(batch, self.pack_tokens):
            yield halved(self.decoder, pack, self.train, self.stakes, twice=twice)

    def quietly(self) -> AbstractContextManager[None]:
        """Has no dropout inside."""
        return self.still() if self.still else nullcontext()

    def measured(self, batch: Sequence[Example]) -> Array:
        """Gives the mean loss of each example without gradients, [example]; a forward pass."""
        with torch.no_grad():
            return np.concatenate([example_means([pack]) for pack in self.packs(batch)])

    def looked_at(self, batch: Sequence[Example]) -> Array:
        """Gives the mean loss of each example without dropout, [example]; a forward pass."""
        with self.quietly():
            return self.measured(batch)

    def by_task(
        self, batch: Sequence[Example], step: int, shifts: torch.Tensor | None = None, *, longest: float | None = None
    ) -> tuple[torch.Tensor, Array]:
        """Gives the gradients of the tasks' mean losses [present task, parameter] and the losses [example] of a batch.

        With `shifts` [present task, parameter] each is taken at the parameters plus the shift of its task. With a
        `longest` they are sums over examples, each cut to that length.

        Raises:
            TrialError: a loss or a gradient is not finite.
        """
        rows, means = [], []
        for place, (_, group) in enumerate(groupby(batch, key=lambda example: example.task)):
            mine = list(group)
            if longest is not None:
                total, each = self.clipped(mine, step, longest)
                rows.append(total)
                means.append(each)
                continue
            tokens = answer_tokens(mine)
            with nullcontext() if shifts is None else shifted(self.parameters, shifts[place]):
                means.append(self.backward(self.packs(mine), tokens / tokens.sum(), step))
            rows.append(taken_gradient(self.parameters))
        matrix = torch.stack(rows)
        check_finite("gradient", float(matrix.sum()), step)
        return matrix, np.concatenate(means)

    def clipped(self, rows: Sequence[Example], step: int, longest: float) -> tuple[torch.Tensor, Array]:
        """Gives the sum of the rows' gradients, each cut to a length, [parameter], and their losses, [example]."""
        total, means = None, []
        for row in rows:
            means.append(self.backward(self.packs([row]), np.ones(1), step))
            gradient = taken_gradient(self.parameters)
            gradient *= min(1.0, longest / max(float(gradient.norm()), 1e-30))
            total = gradient if total is None else total.add_(gradient)
        return told(total), np.concatenate(means)

    def backward(self, made: Iterable[Pack], weights: Array, step: int) -> Array:
        """Adds the gradient of the weighted losses, pack by pack, and gives the losses, both [example].

        Raises:
            TrialError: a loss or a weight is not finite.
        """
        check_finite("weight of a task", float(weights.sum()), step)
        means: list[Array] = []
        done = 0
        for pack in made:
            count = len(pack[0])
            means.append(example_means([pack]))
            check_finite("loss", float(means[-1].sum()), step)
            weighted_sum(pack, weights[done : done + count]).backward()
            done += count
        return np.concatenate(means)
