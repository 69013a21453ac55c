"""The gradient of a balanced step: asks the balancer, weighs the losses, keeps the record."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from cotune.training.balance.ahead import again, chance
from cotune.training.balance.contract import Answer, Array, Balancer, Need, Signals, Tasks, told
from cotune.training.balance.facts import Facts, scaled, values_of
from cotune.training.balance.hidden import by_owner
from cotune.training.balance.losses import answer_tokens, by_task, example_means, filled, give_gradient, owners
from cotune.training.balance.memory import Memory
from cotune.training.balance.passes import Passes
from cotune.training.balance.record import cosines
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
    memory: Memory = field(init=False)
    passes: Passes = field(init=False)

    def __post_init__(self) -> None:
        self.passes = Passes(self.decoder, self.parameters, self.train, self.pack_tokens, self.stakes, self.still)
        self.memory = Memory(self.balancer.start(self.tasks))

    @property
    def needs(self) -> frozenset[Need]:
        """What is to be computed."""
        return self.balancer.needs | ({"hidden"} if self.train.balancer.at == "hidden" else frozenset())

    def watch(self, batch: Sequence[Example], step: int) -> None:
        """Takes the cosines between the tasks' gradients, where that is due and the step will not do so anyway.

        It is a forward and a backward pass, without dropout, that changes nothing of the training.
        """
        every = self.train.balancer.conflicts
        merges = "gradients" in self.needs and "hidden" not in self.needs and self._looks_now(step)
        if not every or (step - 1) % every or merges:
            return
        batch = self._sorted(batch)
        with self.passes.quietly():
            matrix, _ = self.passes.by_task(batch, step)
        if "plain" in self.needs:
            self._ask(batch, step)
        self._note(batch, step, matrix)

    def __call__(self, batch: Sequence[Example], step: int) -> float | None:
        """Adds the gradient of `batch` and gives its loss, as equal weights would have it: trials compare by it.

        None where it only watches: the gradient is then the caller's to add.

        Raises:
            TrialError: a loss or a weight is not finite.
        """
        self.watch(batch, step)
        if "plain" in self.needs:
            return None
        batch = self._sorted(batch)
        if "teachers" in self.needs:
            means = self._learn(batch, step)
        elif self.needs & {"hidden", "saliency"}:
            means = self._through(batch, step)
        elif "gradients" in self.needs and self._looks_now(step):
            means = self._merge(batch, step)
        elif "losses" in self.needs:
            means = self._weigh(batch, step)
        else:
            weights = self._weights(self._ask(batch, step), batch)
            means = self.passes.backward(self.passes.packs(batch), weights, step)
        seen = self.passes.looked_at(batch) if self.still and "after" in self.needs else means
        last = batch, self._filled(by_task(self.tasks.names, batch, seen))
        self.memory = replace(self.memory, last=last)
        return self._mean(batch, means)

    @property
    def balancing(self) -> Balancing:
        """What a trial keeps of it."""
        return self.memory.record.balancing(self.train.balancer.name, self.tasks.names)

    def _weigh(self, batch: Sequence[Example], step: int) -> Array:
        """Adds the gradient under weights that hang on the losses of the batch, and gives those, [example]."""
        made = None if self.frugal else list(self.passes.packs(batch))
        means = self.passes.measured(batch) if made is None else example_means(made)
        check_finite("loss", self._mean(batch, means), step)
        weights = self._weights(self._ask(batch, step, means), batch)
        self.passes.backward(self.passes.packs(batch) if made is None else made, weights, step)
        return means

    def _merge(self, batch: Sequence[Example], step: int) -> Array:
        """Sets the gradient merged from those of the tasks, and gives the losses, [example]."""
        start = chance()
        longest = float(self.memory.state["clip"][0]) if "clipped" in self.needs else None
        matrix, losses = self.passes.by_task(batch, step, longest=longest)
        self._note(batch, step, matrix)

        def ahead(shifts: torch.Tensor) -> torch.Tensor:
            with again(start):
                return self.passes.by_task(batch, step, shifts)[0]

        held = self._held_gradient(step) if "held_gradient" in self.needs else None
        answer = self._ask(batch, step, losses, gradients=matrix, ahead=ahead, held_gradient=held)
        merged = answer.gradient
        if merged is None:
            owner = owners(self.tasks.names, batch)
            by_row = np.bincount(owner, weights=self._weights(answer, batch))[np.unique(owner)]
            merged = torch.from_numpy(by_row).to(matrix) @ matrix
        give_gradient(self.parameters, merged if answer.extra is None else merged + answer.extra)
        return losses

    def _learn(self, batch: Sequence[Example], step: int) -> Array:
        """Sets the gradient merged from those of loss and distillation, and gives the losses, [example]."""
        pair, losses = taught(self.passes, batch, step, self.teachers, float(self.memory.state["temperature"][0]))
        give_gradient(self.parameters, told(self._ask(batch, step, losses, pair=pair).gradient))
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
        check_finite("loss", self._mean(batch, losses), step)
        check_finite("gradient", float(slope.sum()), step)
        merging = by_owner(slope, owner, tokens) if "gradients" in self.needs else None
        saliency = slope.requires_grad_() if twice else None
        answer = self._ask(batch, step, losses, gradients=merging, saliency=saliency)
        pull = None if answer.penalty is None else torch.autograd.grad(answer.penalty, slope)[0]
        weights = self._weights(answer, batch)
        check_finite("weight of a task", float(weights.sum()), step)
        factors = torch.from_numpy(np.repeat(weights / tokens, tokens.astype(int)))  # [answer token]
        done = 0
        for half in halves or self.passes.halves(batch, twice=twice):
            here = slice(done, done + len(half.losses))
            half.descend(factors[here], None if pull is None else pull[here])
            done += len(half.losses)
        return losses

    def _ask(
        self,
        batch: Sequence[Example],
        step: int,
        means: Array | None = None,
        *,
        gradients: torch.Tensor | None = None,
        ahead: Callable[[torch.Tensor], torch.Tensor] | None = None,
        held_gradient: torch.Tensor | None = None,
        saliency: torch.Tensor | None = None,
        pair: torch.Tensor | None = None,
    ) -> Answer:
        """Gives the balancer's answer for a batch whose losses [example] and gradients are known or not."""
        names, needs, facts = self.tasks.names, self.needs, self.facts
        signals = Signals(
            self.tasks,
            step,
            self.steps,
            self.seed,
            owners(names, batch),
            answer_tokens(batch),
            example_losses=means,
            losses=None if means is None else self._filled(by_task(names, batch, means)),
            previous=self.memory.last[1] if self.memory.last else None,
            after=self._after() if "after" in needs else None,
            validation=self._validation(step) if "validation" in needs else None,
            gradients=gradients,
            ahead=ahead,
            held_gradient=held_gradient,
            saliency=saliency,
            taught=pair,
            fixed=self._fixed(),
            class_shares=values_of(facts.class_shares, batch) if "classes" in needs else None,
            densities=values_of(facts.densities, batch) if "densities" in needs else None,
            confidences=self._confidences(batch, told(means)) if "confidences" in needs else None,
        )
        answer, state = self.balancer.weigh(signals, self.memory.state)
        self.memory = replace(self.memory, state=state, record=self.memory.record.then(signals, answer))
        return answer

    def _note(self, batch: Sequence[Example], step: int, matrix: torch.Tensor) -> None:
        """Puts the cosines between gradients [present task, parameter] into the record."""
        present = np.isin(np.arange(len(self.tasks.names)), owners(self.tasks.names, batch))
        self.memory = replace(self.memory, record=self.memory.record.noting(step, cosines(matrix, present)))

    def _confidences(self, batch: Sequence[Example], means: Array) -> Array:
        """Gives how sure the data is of each row, or else the model so far, [example]."""
        self.memory = replace(self.memory, confidence=self.memory.confidence.then(batch, means))
        own = values_of(self.facts.confidences, batch)
        return np.where(np.isnan(own), self.memory.confidence.means(batch), own)

    def _after(self) -> Array | None:
        """Gives what the batch before costs now, [task]; None before the second step."""
        if self.memory.last is None:
            return None
        batch, before = self.memory.last
        now = by_task(self.tasks.names, batch, self.passes.looked_at(batch))
        return np.where(np.isnan(now), before, now)

    def _looks_now(self, step: int) -> bool:
        """Whether gradients by task are due: at every step, or where a look at held-out rows is."""
        if "held_gradient" not in self.needs:
            return True
        mixed = any(self.tasks.targets) and not all(self.tasks.targets)
        return mixed and (step - 1) % self.train.balancer.every == 0

    def _validation(self, step: int) -> Array | None:
        """Gives the losses on the rows held out, [task], where a check is due."""
        if (step - 1) % self.train.balancer.every:
            return None
        rows = [example for name in self.tasks.names for example in self.held[name]]
        losses = by_task(self.tasks.names, rows, self.passes.looked_at(rows))
        check_finite("loss", float(losses.sum()), step)
        return losses

    def _held_gradient(self, step: int) -> torch.Tensor:
        """Gives the gradient of the sum of the targets' mean losses on the rows held out, [parameter]."""
        targets = [name for name, is_target in zip(self.tasks.names, self.tasks.targets, strict=True) if is_target]
        rows = [example for name in targets for example in self.held[name]]
        with self.passes.quietly():
            return self.passes.by_task(rows, step)[0].sum(dim=0)

    def _filled(self, losses: Array) -> Array:
        """Gives losses [task] in which absent tasks have what was last seen of them, or the mean of the others."""
        return filled(losses, self.memory.last[1] if self.memory.last else losses)

    def _weights(self, answer: Answer, batch: Sequence[Example]) -> Array:
        """Gives the factor on each example's mean loss, [example], with the fixed weights of the settings in it.

        What a task without an example in the batch would have is shared out among the others.
        """
        names = self.tasks.names
        owner, tokens = owners(names, batch), answer_tokens(batch)
        fixed = self._fixed()[owner]  # [example]
        if answer.examples is not None:
            return np.asarray(answer.examples * fixed)
        weights = told(answer.weights)
        here = np.unique(owner)
        scale = weights.sum() / weights[here].sum() if len(here) < len(names) and weights[here].sum() > 0 else 1.0
        total = np.bincount(owner, weights=tokens)  # [task]
        return np.asarray(scale * weights[owner] * fixed * tokens / total[owner])

    def _fixed(self) -> Array:
        """Gives the factors of the settings, [task], with mean 1."""
        fixed = np.array([self.train.weight(name) for name in self.tasks.names])
        return np.asarray(fixed / fixed.mean())

    def _sorted(self, batch: Sequence[Example]) -> list[Example]:
        """Gives a batch task by task, its rows as the balancer wants them scaled."""
        ordered = sorted(batch, key=lambda example: self.tasks.names.index(example.task))
        if "scaled" not in self.needs:
            return ordered
        return scaled(ordered, self.facts.confidences, self.tasks, *self.memory.state["scaling"].tolist())

    def _mean(self, batch: Sequence[Example], means: Array) -> float:
        """Gives the loss that equal weights would descend."""
        weights = np.array([self.train.weight(example.task) for example in batch]) * answer_tokens(batch)
        return float(weights @ means / weights.sum())
