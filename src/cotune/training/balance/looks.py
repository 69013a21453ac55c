"""Looks at the rows that are held out of a training: their losses, and the gradient of those of the targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cotune.training.balance.contract import Array, Tasks
from cotune.training.balance.losses import by_task
from cotune.training.balance.passes import Passes
from cotune.training.errors import check_finite
from cotune.training.example import Example


@dataclass(frozen=True)
class Looks:
    """The rows held out of each task; a look is due at the first step and at each `every`-th after it."""

    passes: Passes
    tasks: Tasks
    held: Mapping[str, Sequence[Example]]
    every: int

    def due(self, step: int) -> bool:
        """Whether a look is due before a step."""
        return (step - 1) % self.every == 0

    def guide(self, step: int) -> bool:
        """Whether a look is due that can say which datasets help: some are targets, others are not."""
        targets = self.tasks.targets
        return any(targets) and not all(targets) and self.due(step)

    def losses(self, step: int) -> Array | None:
        """Gives the losses on the rows held out, [task], where a look is due.

        Raises:
            TrialError: a loss is not finite.
        """
        if not self.due(step):
            return None
        rows = self._rows(self.tasks.names)
        losses = by_task(self.tasks.names, rows, self.passes.looked_at(rows))
        check_finite("loss", float(losses.sum()), step)
        return losses

    def gradient(self, step: int) -> torch.Tensor:
        """Gives the gradient of the sum of the targets' mean losses on the rows held out, [parameter].

        Raises:
            TrialError: a gradient is not finite.
        """
        targets = [name for name, is_target in zip(self.tasks.names, self.tasks.targets, strict=True) if is_target]
        with self.passes.quietly():
            return self.passes.by_task(self._rows(targets), step)[0].sum(dim=0)

    def _rows(self, names: Sequence[str]) -> list[Example]:
        return [example for name in names for example in self.held[name]]
