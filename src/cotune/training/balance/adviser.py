"""A balancer at work: what it is told of each step, and what is remembered between steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from cotune.training.balance.contract import Answer, Array, Balancer, Need, Signals, Tasks, told
from cotune.training.balance.factors import Factors
from cotune.training.balance.facts import Facts, scaled, values_of
from cotune.training.balance.looks import Looks
from cotune.training.balance.losses import answer_tokens, by_task, filled, owners
from cotune.training.balance.memory import Memory
from cotune.training.balance.record import cosines
from cotune.training.example import Example
from cotune.trial import Balancing


@dataclass
class Adviser:
    """Asks a balancer, with what it `needs` measured first, and keeps its state and the record."""

    balancer: Balancer
    needs: frozenset[Need]
    tasks: Tasks
    looks: Looks
    factors: Factors
    facts: Facts
    steps: int
    seed: int
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.balancer.start(self.tasks))

    def ask(
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
            after=self.after() if "after" in needs else None,
            validation=self.looks.losses(step) if "validation" in needs else None,
            gradients=gradients,
            ahead=ahead,
            held_gradient=held_gradient,
            saliency=saliency,
            taught=pair,
            fixed=self.factors.fixed,
            class_shares=values_of(facts.class_shares, batch) if "classes" in needs else None,
            densities=values_of(facts.densities, batch) if "densities" in needs else None,
            confidences=self._confidences(batch, told(means)) if "confidences" in needs else None,
        )
        answer, state = self.balancer.weigh(signals, self.memory.state)
        self.memory = replace(self.memory, state=state, record=self.memory.record.then(signals, answer))
        return answer

    def note(self, batch: Sequence[Example], step: int, gradients: torch.Tensor) -> None:
        """Puts the cosines between gradients [present task, parameter] into the record."""
        present = np.isin(np.arange(len(self.tasks.names)), owners(self.tasks.names, batch))
        self.memory = replace(self.memory, record=self.memory.record.noting(step, cosines(gradients, present)))

    def remember(self, batch: Sequence[Example], means: Array) -> None:
        """Remembers a batch and its losses [example] until the next step."""
        self.memory = replace(self.memory, last=(batch, self._filled(by_task(self.tasks.names, batch, means))))

    def after(self) -> Array | None:
        """Gives what the batch before costs now, [task]; None before the second step."""
        if self.memory.last is None:
            return None
        batch, before = self.memory.last
        now = by_task(self.tasks.names, batch, self.looks.passes.looked_at(batch))
        return np.where(np.isnan(now), before, now)

    def sorted(self, batch: Sequence[Example]) -> list[Example]:
        """Gives a batch task by task, its rows as the balancer wants them scaled."""
        ordered = sorted(batch, key=lambda example: self.tasks.names.index(example.task))
        if "scaled" not in self.needs:
            return ordered
        return scaled(ordered, self.facts.confidences, self.tasks, *self.memory.state["scaling"].tolist())

    def number(self, key: str) -> float:
        """Gives a number of the balancer's state."""
        return float(self.memory.state[key][0])

    def balancing(self, name: str) -> Balancing:
        """Gives what a trial keeps of it."""
        return self.memory.record.balancing(name, self.tasks.names)

    def _confidences(self, batch: Sequence[Example], means: Array) -> Array:
        """Gives how sure the data is of each row, or else the model so far, [example]."""
        self.memory = replace(self.memory, confidence=self.memory.confidence.then(batch, means))
        own = values_of(self.facts.confidences, batch)
        return np.where(np.isnan(own), self.memory.confidence.means(batch), own)

    def _filled(self, losses: Array) -> Array:
        """Gives losses [task] in which absent tasks have what was last seen of them, or the mean of the others."""
        return filled(losses, self.memory.last[1] if self.memory.last else losses)
