"""How sure a model is of single rows, over the passes of a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cotune.training.balance.contract import Array
from cotune.training.balance.facts import Key
from cotune.training.example import Example


@dataclass(frozen=True)
class Confidence:
    """Count, mean and sum of squared deviations of each row's confidence: one value for each time it was met.

    A row's confidence is exp(-mean loss per answer token): the probability of its tokens in the geometric mean, where
    its task's loss is the cross-entropy. Updates are Welford's.
    """

    rows: Mapping[Key, tuple[int, float, float]] = field(default_factory=dict)

    def then(self, batch: Sequence[Example], losses: Array) -> "Confidence":
        """Gives what is known after a batch with these mean losses, [example]."""
        rows = dict(self.rows)
        for example, value in zip(batch, np.exp(-losses).tolist(), strict=True):
            count, mean, spread = rows.get((example.task, example.id), (0, 0.0, 0.0))
            step = value - mean
            mean += step / (count + 1)
            rows[example.task, example.id] = count + 1, mean, spread + step * (value - mean)
        return Confidence(rows)

    def means(self, batch: Sequence[Example]) -> Array:
        """Gives the mean confidence of each example of a batch that was met, [example]."""
        return np.array([self.rows[example.task, example.id][1] for example in batch])
