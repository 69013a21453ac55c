"""What losses keep from step to step of a training: centers of classes, hard negatives of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from cotune.training.example import Example
from cotune.training.loss.center import Answer, Centers
from cotune.training.loss.hard_negatives import Bank, Negatives
from cotune.training.settings import Train


@dataclass(frozen=True)
class Kept:
    """A copy of all that is kept: centers by answer, each [hidden], and banks by dataset."""

    centers: Mapping[Answer, torch.Tensor] = field(default_factory=dict)
    banks: Mapping[str, Bank] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """What it takes of memory."""
        return sum(int(at.nbytes) for at in self.centers.values()) + sum(bank.nbytes for bank in self.banks.values())


class Lasting:
    """Keeps what losses need of steps before; a training has its own: `see` its batch, measure it, then `move`."""

    def __init__(self) -> None:
        self.centers, self.negatives = Centers(), Negatives()

    def see(self, examples: Sequence[Example], states: torch.Tensor, train: Train) -> None:
        """Takes in a step's batch with states [example, hidden]."""
        self.centers.see(examples, states, train)
        self.negatives.see(examples, states, train)

    def move(self) -> None:
        """Goes on to the next step."""
        self.centers.move()

    def state(self) -> Kept:
        """Gives a copy."""
        return Kept(self.centers.state(), dict(self.negatives.banks))

    def load(self, kept: Kept) -> None:
        """Sets all to a copy; the copy stays."""
        self.centers.load(kept.centers)
        self.negatives.banks = dict(kept.banks)
