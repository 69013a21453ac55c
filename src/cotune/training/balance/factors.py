"""The factors on the losses of a batch: what a balancer says and what the settings say, in one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cotune.training.balance.contract import Answer, Array, told
from cotune.training.balance.losses import answer_tokens, owners
from cotune.training.example import Example
from cotune.training.settings import Train


@dataclass(frozen=True)
class Factors:
    """The factors on the losses of the tasks `names`."""

    names: Sequence[str]
    train: Train

    @property
    def fixed(self) -> Array:
        """The factors of the settings, [task], with mean 1."""
        fixed = np.array([self.train.weight(name) for name in self.names])
        return np.asarray(fixed / fixed.mean())

    def of(self, answer: Answer, batch: Sequence[Example]) -> Array:
        """Gives the factor on each example's mean loss, [example], with the fixed weights of the settings in it.

        What a task without an example in the batch would have is shared out among the others.
        """
        owner, tokens = owners(self.names, batch), answer_tokens(batch)
        fixed = self.fixed[owner]  # [example]
        if answer.examples is not None:
            return np.asarray(answer.examples * fixed)
        weights = told(answer.weights)
        here = np.unique(owner)
        scale = weights.sum() / weights[here].sum() if len(here) < len(self.names) and weights[here].sum() > 0 else 1.0
        total = np.bincount(owner, weights=tokens)  # [task]
        return np.asarray(scale * weights[owner] * fixed * tokens / total[owner])

    def by_present(self, answer: Answer, batch: Sequence[Example]) -> Array:
        """Gives the factor on the mean loss of each task that the batch has, [present task]."""
        owner = owners(self.names, batch)
        return np.asarray(np.bincount(owner, weights=self.of(answer, batch))[np.unique(owner)])

    def mean(self, batch: Sequence[Example], means: Array) -> float:
        """Gives the loss that equal weights would descend; `means` are the examples' mean losses, [example]."""
        weights = np.array([self.train.weight(example.task) for example in batch]) * answer_tokens(batch)
        return float(weights @ means / weights.sum())
