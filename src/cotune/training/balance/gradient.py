"""The gradient of a balanced step: what the balancer wants measured is measured, and its answer carried out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from cotune.training.balance.adviser import Adviser
from cotune.training.balance.ahead import again, chance
from cotune.training.balance.contract import Array, Balancer, Need, Tasks, told
from cotune.training.balance.factors import Factors
from cotune.training.balance.facts import Facts
from cotune.training.balance.hidden import by_owner
from cotune.training.balance.looks import Looks
from cotune.training.balance.losses import answer_tokens, example_means, give_gradient, owners
from cotune.training.balance.memory import Memory
from cotune.training.balance.passes import Passes
from cotune.training.balance.teachers import Weights, taught
from cotune.training.decoder import Decoder
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes
from cotune.training.settings import Train
from cotune.trial import Balancing


@dataclass
class BalancedGradient:
    """Adds the gradient of each batch in turn as the balancer wants it.

    Losses that the balancer asks for keep the graphs of all packs of a batch; with `frugal` they are measured in a pass
    of their own instead. `held` are the rows of each task that looks at other rows than those of a batch are taken on.
    `still` switches dropout off, if there is any; `teachers` are weights of each task's specialist. With the `memory`
    of another it goes on as that one would have.
    """

    balancer: Balancer
    tasks: Tasks
    decoder: Decoder
    parameters: Sequence[nn.Parameter]
    train: Train
    pack_tokens: int
    steps: int
    seed: int
    frugal: bool = False
    held: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    still: Callable[[], AbstractContextManager[None]] | None = None
    stakes: Mapping[str, Stakes] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    teachers: Mapping[str, Weights] = field(default_factory=dict)
    needs: frozenset[Need] = field(init=False)
    passes: Passes = field(init=False)
    looks: Looks = field(init=False)
    factors: Factors = field(init=False)
    adviser: Adviser = field(init=False)

    def __post_init__(self) -> None:
        train, tasks = self.train, self.tasks
        self.needs = self.balancer.needs | ({"hidden"} if train.balancer.at == "hidden" else frozenset())
        self.passes = Passes(self.decoder, self.parameters, train, self.pack_tokens, self.stakes, self.still)
        self.looks = Looks(self.passes, tasks, self.held, train.balancer.every)
        self.factors = Factors(tasks.names, train)
        self.adviser = Adviser(
            self.balancer, self.needs, tasks, self.looks, self.factors, self.facts, self.steps, self.seed
        )

    @property
    def memory(self) -> Memory:
        """What is remembered between steps."""
        return self.adviser.memory

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self.adviser.memory = memory

    @property
    def balancing(self) -> Balancing:
        """What a trial keeps of it."""
        return self.adviser.balancing(self.train.balancer.name)

    def watch(self, batch: Sequence[Example], step: int) -> None:
        """Takes the cosines between the tasks' gradients, where that is due and the step will not do so anyway.

        It is a forward and a backward pass, without dropout, that changes nothing of the training.
        """
        every = self.train.balancer.conflicts
        merges = "gradients" in self.needs and "hidden" not in self.needs and self._merges_at(step)
        if not every or (step - 1) % every or merges:
            return
        batch = self.adviser.sorted(batch)
        with self.passes.quietly():
            matrix, _ = self.passes.by_task(batch, step)
        if "plain" in self.needs:
            self.adviser.ask(batch, step)
        self.adviser.note(batch, step, matrix)

    def __call__(self, batch: Sequence[Example], step: int) -> float | None:
        """Adds the gradient of `batch` and gives its loss, as equal weights would have it: trials compare by it.

        None where it only watches: the gradient is then the caller's to add.

        Raises:
            TrialError: a loss or a weight is not finite.
        """
        self.watch(batch, step)
        if "plain" in self.needs:
            return None
        batch = self.adviser.sorted(batch)
        if "teachers" in self.needs:
            means = self._learn(batch, step)
        elif self.needs & {"hidden", "saliency"}:
            means = self._through(batch, step)
        elif "gradients" in self.needs and self._merges_at(step):
            means = self._merge(batch, step)
        elif "losses" in self.needs:
            means = self._weigh(batch, step)
        else:
            weights = self.factors.of(self.adviser.ask(batch, step), batch)
            means = self.passes.backward(self.passes.packs(batch), weights, step)
        seen = self.passes.looked_at(batch) if self.still and "after" in self.needs else means
        self.adviser.remember(batch, seen)
        return self.factors.mean(batch, means)

    def _weigh(self, batch: Sequence[Example], step: int) -> Array:
        """Adds the gradient under weights that hang on the losses of the batch, and gives those, [example]."""
        made = None if self.frugal else list(self.passes.packs(batch))
        means = self.passes.measured(batch) if made is None else example_means(made)
        check_finite("loss", self.factors.mean(batch, means), step)
        weights = self.factors.of(self.adviser.ask(batch, step, means), batch)
        self.passes.backward(self.passes.packs(batch) if made is None else made, weights, step)
        return means

    def _merge(self, batch: Sequence[Example], step: int) -> Array:
        """Sets the gradient merged from those of the tasks, and gives the losses, [example]."""
        start = chance()
        longest = self.adviser.number("clip") if "clipped" in self.needs else None
        matrix, losses = self.passes.by_task(batch, step, longest=longest)
        self.adviser.note(batch, step, matrix)

        def ahead(shifts: torch.Tensor) -> torch.Tensor:
            with again(start):
                return self.passes.by_task(batch, step, shifts)[0]

        held = self.looks.gradient(step) if "held_gradient" in self.needs else None
        answer = self.adviser.ask(batch, step, losses, gradients=matrix, ahead=ahead, held_gradient=held)
        merged = answer.gradient
        if merged is None:
            merged = torch.from_numpy(self.factors.by_present(answer, batch)).to(matrix) @ matrix
        give_gradient(self.parameters, merged if answer.extra is None else merged + answer.extra)
        return losses

    def _learn(self, batch: Sequence[Example], step: int) -> Array:
        """Sets the gradient merged from those of loss and distillation, and gives the losses, [example]."""
        pair, losses = taught(self.passes, batch, step, self.teachers, self.adviser.number("temperature"))
        give_gradient(self.parameters, told(self.adviser.ask(batch, step, losses, pair=pair).gradient))
        return losses

    def _through(self, batch: Sequence[Example], step: int) -> Array:
        """Adds the gradient merged at the hidden state in one pass down the layers, and gives the losses, [example]."""
        owner, tokens, twice = owners(self.tasks.names, batch), answer_tokens(batch), "saliency" in self.needs
        means, slopes, halves = [], [], []
        for half in self.passes.halves(batch, twice=twice):
            means.append(example_means([(half.examples, half.losses)]))
            slopes.append(half.slope.detach().float().flatten(0, -2))
            halves += [] if self.frugal else [half]
        losses, slope = np.concatenate(means), torch.cat(slopes)  # [example], [answer token, width]
        check_finite("loss", self.factors.mean(batch, losses), step)
        check_finite("gradient", float(slope.sum()), step)
        merging = by_owner(slope, owner, tokens) if "gradients" in self.needs else None
        saliency = slope.requires_grad_() if twice else None
        answer = self.adviser.ask(batch, step, losses, gradients=merging, saliency=saliency)
        pull = None if answer.penalty is None else torch.autograd.grad(answer.penalty, slope)[0]
        weights = self.factors.of(answer, batch)
        check_finite("weight of a task", float(weights.sum()), step)
        factors = torch.from_numpy(np.repeat(weights / tokens, tokens.astype(int)))  # [answer token]
        done = 0
        for half in halves or self.passes.halves(batch, twice=twice):
            here = slice(done, done + len(half.losses))
            half.descend(factors[here], None if pull is None else pull[here])
            done += len(half.losses)
        return losses

    def _merges_at(self, step: int) -> bool:
        """Whether gradients by task are due: at every step, or where a look at held-out rows can guide."""
        return "held_gradient" not in self.needs or self.looks.guide(step)
