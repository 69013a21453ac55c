"""The gradient of a balanced step: asks the balancer, weighs the losses, keeps the record."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import torch
from torch import nn

from cotune.training.balance.confidence import Confidence
from cotune.training.balance.contract import Answer, Array, Balancer, Signals, State, Tasks, told
from cotune.training.balance.facts import Facts, values_of
from cotune.training.balance.losses import (
    answer_tokens,
    by_task,
    example_means,
    give_gradient,
    owners,
    packs,
    taken_gradient,
    weighted_sum,
)
from cotune.training.balance.record import Record
from cotune.training.decoder import Decoder
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.loss.stakes import Stakes
from cotune.training.losses import Pack
from cotune.training.settings import Train
from cotune.trial import Balancing


@dataclass(frozen=True)
class Memory:
    """What is remembered between steps: the balancer's state, the batch before with its losses [task], the record.

    `confidence` is how sure the model was of rows, where the balancer asks.
    """

    state: State
    last: tuple[Sequence[Example], Array] | None = None
    record: Record = field(default_factory=Record)
    confidence: Confidence = field(default_factory=Confidence)


@dataclass
class BalancedGradient:
    """Adds the gradient of each batch in turn as the balancer wants it.

    Losses that the balancer asks for keep the graphs of all packs of a batch; with `frugal` they are measured in a pass
    of their own instead. `held` are the rows of each task that validation losses are measured on. With the
    `memory` of another it goes on as that one would have.
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
    stakes: Mapping[str, Stakes] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.balancer.start(self.tasks))

    def __call__(self, batch: Sequence[Example], step: int) -> float:
        """Adds the gradient of `batch` and gives its loss, as equal weights would have it: trials compare by it.

        Raises:
            TrialError: a loss or a weight is not finite.
        """
        batch = sorted(batch, key=lambda example: self.tasks.names.index(example.task))
        if "gradients" in self.balancer.needs:
            means = self._merge(batch, step)
        elif "losses" in self.balancer.needs:
            means = self._weigh(batch, step)
        else:
            weights = self._weights(self._ask(batch, step), batch)
            means = self._backward(self._packs(batch), weights, step)
        last = batch, self._filled(by_task(self.tasks.names, batch, means))
        self.memory = replace(self.memory, last=last)
        return self._mean(batch, means)

    @property
    def balancing(self) -> Balancing:
        """What a trial keeps of it."""
        return self.memory.record.balancing(self.train.balancer.name, self.tasks.names)

    def _weigh(self, batch: Sequence[Example], step: int) -> Array:
        """Adds the gradient under weights that hang on the losses of the batch, and gives those, [example]."""
        made = None if self.frugal else list(self._packs(batch))
        means = self._measured(batch) if made is None else example_means(made)
        check_finite("loss", self._mean(batch, means), step)
        weights = self._weights(self._ask(batch, step, means), batch)
        self._backward(self._packs(batch) if made is None else made, weights, step)
        return means

    def _merge(self, batch: Sequence[Example], step: int) -> Array:
        """Sets the gradient merged from those of the tasks, and gives the losses, [example]."""
        rows: list[torch.Tensor] = []
        means: list[Array] = []
        for _, group in groupby(batch, key=lambda example: example.task):
            mine = list(group)
            if "clipped" in self.balancer.needs:
                means.append(self._clipped(mine, step, rows))
                continue
            tokens = answer_tokens(mine)
            means.append(self._backward(self._packs(mine), tokens / tokens.sum(), step))
            rows.append(taken_gradient(self.parameters))
        matrix = torch.stack(rows)  # [present task, parameter]
        losses = np.concatenate(means)
        answer = self._ask(batch, step, losses, matrix)
        merged = answer.gradient
        if merged is None:
            owner = owners(self.tasks.names, batch)
            by_row = np.bincount(owner, weights=self._weights(answer, batch))[np.unique(owner)]
            merged = torch.from_numpy(by_row).to(matrix) @ matrix
        give_gradient(self.parameters, merged)
        return losses

    def _clipped(self, rows: Sequence[Example], step: int, sums: list[torch.Tensor]) -> Array:
        """Adds to `sums` that of the rows' gradients, each cut to the balancer's length, and gives their losses."""
        longest, total, means = float(self.memory.state["clip"][0]), None, []
        for row in rows:
            means.append(self._backward(self._packs([row]), np.ones(1), step))
            gradient = taken_gradient(self.parameters)
            gradient *= min(1.0, longest / max(float(gradient.norm()), 1e-30))
            total = gradient if total is None else total.add_(gradient)
        sums.append(told(total))
        return np.concatenate(means)

    def _ask(
        self,
        batch: Sequence[Example],
        step: int,
        means: Array | None = None,
        gradients: torch.Tensor | None = None,
    ) -> Answer:
        """Gives the balancer's answer for a batch whose losses [example] and gradients are known or not."""
        names, needs = self.tasks.names, self.balancer.needs
        facts = self.facts
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
            class_shares=values_of(facts.class_shares, batch) if "classes" in needs else None,
            densities=values_of(facts.densities, batch) if "densities" in needs else None,
            confidences=self._confidences(batch, told(means)) if "confidences" in needs else None,
        )
        answer, state = self.balancer.weigh(signals, self.memory.state)
        self.memory = replace(self.memory, state=state, record=self.memory.record.then(signals, answer))
        return answer

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
        now = by_task(self.tasks.names, batch, self._measured(batch))
        return np.where(np.isnan(now), before, now)

    def _validation(self, step: int) -> Array | None:
        """Gives the losses on the rows held out, [task], where a check is due."""
        if (step - 1) % self.train.balancer.every:
            return None
        rows = [example for name in self.tasks.names for example in self.held[name]]
        return by_task(self.tasks.names, rows, self._measured(rows))

    def _filled(self, losses: Array) -> Array:
        """Gives losses [task] in which absent tasks have what was last seen of them, or the mean of the others."""
        last = np.full(len(losses), np.nan) if self.memory.last is None else self.memory.last[1]
        known = np.where(np.isnan(losses), last, losses)
        return np.where(np.isnan(known), np.nanmean(losses), known)

    def _weights(self, answer: Answer, batch: Sequence[Example]) -> Array:
        """Gives the factor on each example's mean loss, [example], with the fixed weights of the settings in it.

        What a task without an example in the batch would have is shared out among the others.
        """
        names = self.tasks.names
        owner, tokens = owners(names, batch), answer_tokens(batch)
        fixed = np.array([self.train.weight(name) for name in names])
        fixed = (fixed / fixed.mean())[owner]  # [example]
        if answer.examples is not None:
            return np.asarray(answer.examples * fixed)
        weights = told(answer.weights)
        here = np.unique(owner)
        scale = weights.sum() / weights[here].sum() if len(here) < len(names) and weights[here].sum() > 0 else 1.0
        total = np.bincount(owner, weights=tokens)  # [task]
        return np.asarray(scale * weights[owner] * fixed * tokens / total[owner])

    def _packs(self, batch: Sequence[Example]) -> Iterator[Pack]:
        return packs(self.decoder, batch, self.train, self.pack_tokens, self.stakes)

    def _measured(self, batch: Sequence[Example]) -> Array:
        """Gives the mean loss of each example without gradients, [example]; a forward pass."""
        with torch.no_grad():
            return np.concatenate([example_means([pack]) for pack in self._packs(batch)])

    def _backward(self, made: Iterable[Pack], weights: Array, step: int) -> Array:
        """Adds the gradient of the weighted losses, pack by pack, and gives the losses, both [example]."""
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

    def _mean(self, batch: Sequence[Example], means: Array) -> float:
        """Gives the loss that equal weights would descend."""
        weights = np.array([self.train.weight(example.task) for example in batch]) * answer_tokens(batch)
        return float(weights @ means / weights.sum())
