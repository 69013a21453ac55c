"""The training loop: AdamW over a plan's batches, in packs that fit in memory, stopped as soon as it diverges."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from cotune.training.balance.gradient import BalancedGradient
from cotune.training.balance.memory import Memory
from cotune.training.decoder import Decoder
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.forest import tokens_of
from cotune.training.loss.lasting import Kept, Lasting
from cotune.training.loss.stakes import Stakes
from cotune.training.losses import NO_STAKES, pace, pack_losses, token_weights, total_weight
from cotune.training.mix.gradient import Memory as MixMemory
from cotune.training.mix.gradient import MixedGradient, Weights
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


class Descent:
    """A training under way: it goes on to any step, and from where an equal one was left.

    The gradient of a step is that of its whole batch, whatever `pack_tokens` bounds a pack to and whichever other ranks
    have a share of it. A `balanced` gradient takes the place of that of the mean loss, in one process; a `mixed` one
    draws the batches too, as many as `batches` has, or fewer where nothing is left to draw from.
    `losses` has the loss of each step that was taken, `lasting` what losses keep after the last.
    """

    def __init__(
        self,
        decoder: Decoder,
        parameters: Sequence[nn.Parameter],
        batches: Sequence[Sequence[Example]],
        *,
        train: Train,
        pack_tokens: int,
        progress: Callable[[int, int], None],
        rank: Rank = Rank(),  # noqa: B008  (frozen)
        balanced: BalancedGradient | None = None,
        mixed: MixedGradient | None = None,
        stakes: Mapping[str, Stakes] = NO_STAKES,
    ) -> None:
        rank.begin(parameters)
        self.losses: list[float] = []
        self.lasting = Lasting()
        self._rank, self._balanced, self._mixed = rank, balanced, mixed
        self._decoder, self._parameters, self._batches = decoder, parameters, batches
        self._train, self._pack_tokens, self._progress = train, pack_tokens, progress
        self._stakes = stakes
        smoothed = balanced is not None and "momentum" in balanced.needs
        betas = (0.0, train.betas[1]) if smoothed else train.betas
        decay = train.weight_decay
        self._optimizer = torch.optim.AdamW(parameters, lr=train.lr, betas=betas, weight_decay=decay, fused=True)

    def advance(self, until: int) -> None:
        """Trains up to and with step `until`.

        Raises:
            TrialError: a loss or a gradient is not finite; nothing is updated with it.
        """
        for step in range(len(self.losses) + 1, min(until, self.steps) + 1):
            self._progress(step - 1, len(self._batches))
            loss = self._descend(step)
            if loss is None:
                break
            for group in self._optimizer.param_groups:
                group["lr"] = rate(step, self.steps, self._train) * pace(self._batch(step), self._train)
            check_finite("loss", loss, step)
            norm = float(nn.utils.clip_grad_norm_(self._parameters, self._train.clip or math.inf))
            check_finite("gradient", norm, step)
            self._optimizer.step()
            self._optimizer.zero_grad()
            self.lasting.move()
            self.losses.append(loss)
        if until >= len(self._batches):
            self._progress(len(self._batches), len(self._batches))

    def _descend(self, step: int) -> float | None:
        """Adds the gradient of a step's batch and gives its loss; None where there is no batch."""
        if self._mixed:
            return self._mixed(step, self)
        batch = self._batch(step)
        balanced = self._balanced(batch, step) if self._balanced else None
        if balanced is not None:
            return balanced
        packs = share_of(self._decoder, batch, self._pack_tokens, self._rank)
        part = self._add(packs, total_weight(batch, self._train))
        return self._rank.total(self._parameters, part)

    def _batch(self, step: int) -> Sequence[Example]:
        """Gives the batch of a step; a mixed one once it was drawn."""
        return (self._mixed.memory.batches if self._mixed else self._batches)[step - 1]

    def _add(self, packs: Sequence[Sequence[Example]], divisor: float) -> float:
        """Adds the gradient of the packs' weighted losses over `divisor`, and gives their sum."""
        loss = 0.0
        for pack, losses in pack_losses(self._decoder, packs, self._train, self._stakes, self.lasting):
            part = (token_weights(pack, self._train, losses.device) * losses).sum() / divisor
            loss += float(part.detach())
            part.backward()
        return loss

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return len(self._batches)

    def moments(self) -> dict[str, object]:
        """Gives a copy of the optimiser's state."""
        return copy.deepcopy(self._optimizer.state_dict())

    def save(self) -> Weights:
        """Gives a copy of weights and moments."""
        return [parameter.detach().clone() for parameter in self._parameters], self.moments()

    def load(self, weights: Weights) -> None:
        """Sets weights and moments to those of a copy; the copy stays."""
        with torch.no_grad():
            for parameter, saved in zip(self._parameters, weights[0], strict=True):
                parameter.copy_(saved)
        self._optimizer.load_state_dict(copy.deepcopy(weights[1]))

    @property
    def memory(self) -> Memory | MixMemory | None:
        """What the balancer or the mixer remembers, if there is one."""
        guide = self._balanced or self._mixed
        return guide.memory if guide else None

    def resume(
        self,
        losses: Sequence[float],
        moments: dict[str, object],
        memory: Memory | MixMemory | None,
        kept: Kept,
    ) -> None:
        """Goes on after the steps that gave `losses` and left the others; the weights are the caller's to set."""
        self.losses = list(losses)
        self.lasting.load(kept)
        self._optimizer.load_state_dict(moments)
        if self._balanced and isinstance(memory, Memory):
            self._balanced.memory = memory
        if self._mixed and isinstance(memory, MixMemory):
            self._mixed.memory = memory


def share_of(decoder: Decoder, batch: Sequence[Example], pack_tokens: int, rank: Rank) -> Sequence[Sequence[Example]]:
    """Gives the packs of a batch that a process works on; packs are smaller if there were too few for all."""
    ordered = sorted(batch, key=lambda example: example.task)
    packs = decoder.split(ordered, pack_tokens)
    if len(packs) < rank.size:
        packs = decoder.split(ordered, -(-tokens_of(ordered) // rank.size))
    return rank.share(packs)
