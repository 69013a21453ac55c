"""The center loss: rows of a label are pulled to its center, which later datasets share with earlier ones."""

from collections.abc import Mapping, Sequence

import torch

from cotune.training.example import Example
from cotune.training.settings import Train

Answer = tuple[int, ...]
Moved = tuple[torch.Tensor, torch.Tensor]
"""Rows of one class, [row, hidden], and how far each moves its center, [row]."""


def center(states: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Gives the loss of each row, [example]: |state - center|^2 / 2, both [example, hidden], the state at length 1.

    Source: Wen et al. (2016), "A Discriminative Feature Learning Approach for Deep Face Recognition", equation 2, with
    centers that move by its equation 4 (see `Centers`); Olpadkar and Gavas (2021), "Center Loss Regularization for
    Continual Learning", who pull the rows of later tasks to the class centers of earlier ones. Where we differ: states
    have length 1; the loss is mixed with the cross-entropy by `share`, and not added to it at a weight; a class is an
    answer, so that datasets without a common numbering of labels share centers. `share` 0.5 is ours, `rate` 0.5 is that
    of Wen et al.; decision boundaries stay as long as the output layer is frozen, which it is under LoRA.
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    loss: torch.Tensor = (unit - centers).square().sum(dim=1) / 2
    return loss


class Centers:
    """The centers of a training's classes: a class is an answer, whichever dataset its row is of.

    They stay while a step's loss is measured and move once after it: `see`, then `of`, then `move`.

    >>> centers, row = Centers(), Example("t", "0", (5,), (1, 0))
    >>> centers.see([row], torch.tensor([[3.0, 4.0]]), Train(loss="center"))
    >>> [round(each, 1) for each in centers.of([row])[0].tolist()]
    [0.6, 0.8]
    """

    def __init__(self) -> None:
        self._at: dict[Answer, torch.Tensor] = {}
        self._seen: dict[Answer, Moved] = {}

    def see(self, examples: Sequence[Example], states: torch.Tensor, train: Train) -> None:
        """Takes in the rows of a batch that have this loss; `states` are [example, hidden], none is given a slope.

        A class that was not met before gets its center: the mean of its rows at length 1.
        """
        unit = torch.nn.functional.normalize(states.detach().float(), dim=1)
        places: dict[Answer, list[int]] = {}
        for place, example in enumerate(examples):
            if train.loss_of(example.task) == "center":
                places.setdefault(example.answer, []).append(place)
        self._seen = {}
        for answer, mine in places.items():
            rates = [train.options_of(examples[place].task)["rate"] for place in mine]
            self._seen[answer] = (unit[mine], torch.tensor(rates, device=unit.device))
            if answer not in self._at:
                self._at[answer] = unit[mine].mean(dim=0)

    def of(self, examples: Sequence[Example]) -> torch.Tensor:
        """Gives the center of each row's class, [example, hidden]; all were seen before."""
        return torch.stack([self._at[example.answer] for example in examples])

    def move(self) -> None:
        """Moves each center towards the rows seen last, by the sum of rate x (row - center) over 1 + their number.

        Source: Wen et al. (2016), equation 4. Where we differ: the rate is that of each row's dataset; with 0 a later
        dataset leaves the centers where earlier ones brought them.
        """
        for answer, (rows, rates) in self._seen.items():
            at = self._at[answer]
            self._at[answer] = at + (rates[:, None] * (rows - at)).sum(dim=0) / (1 + len(rows))
        self._seen = {}

    def state(self) -> dict[Answer, torch.Tensor]:
        """Gives a copy of all centers, each [hidden], by answer."""
        return {answer: at.clone() for answer, at in self._at.items()}

    def load(self, state: Mapping[Answer, torch.Tensor]) -> None:
        """Sets the centers to those of a copy; the copy stays."""
        self._at, self._seen = {answer: at.clone() for answer, at in state.items()}, {}
