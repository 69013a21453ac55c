"""The stack: the LoRA factors of several trials on one model, as one table with a row for each trial."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate

import torch

from cotune.training.lora import State, adapted, targets
from cotune.training.model import LanguageModel
from cotune.training.settings import Lora
from cotune.training.together.beside import Beside
from cotune.training.together.seats import Dice, Seats, generator_of

DOWN, UP = "base_model.model.{}.lora_A.weight", "base_model.model.{}.lora_B.weight"
"""The names that peft gives the two factors of a module."""


@dataclass(frozen=True)
class Start:
    """What a trial begins with: the factors that peft draws from its seed, and torch's generator after that."""

    state: State
    generator: torch.Tensor


def start_of(model: LanguageModel, lora: Lora, seed: int) -> Start:
    """Gives what the trial of `seed` begins with when it trains alone."""
    with adapted(model, lora, seed=seed) as trainee:
        return Start(trainee.state(), generator_of(model.device).get_state())


@dataclass(frozen=True)
class Layout:
    """Where each factor lies in a row of the table: its name there, its shape, its first column."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    columns: int

    @classmethod
    def of(cls, state: State) -> "Layout":
        """Gives the layout of states like `state`."""
        sizes = [weight.numel() for weight in state.values()]
        starts = tuple(accumulate(sizes, initial=0))
        return cls(tuple(state), tuple(tuple(weight.shape) for weight in state.values()), starts[:-1], starts[-1])

    def row(self, state: State) -> torch.Tensor:
        """Gives a state as one row of the table."""
        return torch.cat([state[name].reshape(-1) for name in self.names])

    def state(self, row: torch.Tensor) -> State:
        """Gives one row of the table as a state that peft loads."""
        return {name: self.part(row[None], name)[0].cpu().clone() for name in self.names}

    def part(self, table: torch.Tensor, name: str) -> torch.Tensor:
        """Gives one factor of all trials out of [trial, column], as a view [trial, ...]."""
        index = self.names.index(name)
        start, shape = self.starts[index], self.shapes[index]
        end = start + shape[0] * shape[1]
        return table[:, start:end].view(len(table), *shape)


class Stack:
    """Several trials' adapters on one model; see `stacked`."""

    def __init__(self, besides: dict[str, Beside], layout: Layout, table: torch.Tensor) -> None:
        self._besides = besides
        self.layout = layout
        self.table = table  # [trial, column]
        self.gradients: torch.Tensor | None = None  # like the table, while they train
        self._bind()

    def __len__(self) -> int:
        return len(self.table)

    def sit(self, seats: Seats) -> None:
        """Says whose the rows of the next pass are."""
        for beside in self._besides.values():
            beside.seats = seats

    def train(self, dice: Dice) -> None:
        """Makes room for gradients; dropout is active from now on."""
        self.gradients = torch.zeros_like(self.table)
        for beside in self._besides.values():
            beside.dice = dice
        self._bind()

    def keep(self, trials: Sequence[int]) -> None:
        """Keeps `trials` only, which are in rising order."""
        self.table = kept_rows(self.table, trials)
        if self.gradients is not None:
            self.gradients = self.gradients[: len(trials)]
        self._bind()

    def _bind(self) -> None:
        for name, beside in self._besides.items():
            names = (DOWN.format(name), UP.format(name))
            beside.down, beside.up = (self.layout.part(self.table, factor).detach() for factor in names)
            if self.gradients is not None:
                down, up = (self.layout.part(self.gradients, factor) for factor in names)
                beside.gradients = (down, up)
                beside.down.requires_grad_(True)  # so that autograd comes by
                beside.up.requires_grad_(True)


def kept_rows(table: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Gives `rows`, in rising order, of [row, column] where the first ones were: it takes no memory."""
    for place, row in enumerate(rows):
        if place != row:
            table[place].copy_(table[row])
    return table[: len(rows)]


@contextmanager
def stacked(model: LanguageModel, lora: Lora, layout: Layout, table: torch.Tensor) -> Iterator[Stack]:
    """Puts the adapters of all rows of `table` [trial, column] on `model`; afterwards the model is what it was.

    It costs no copy of the model, and changes the table where it trains.
    """
    linear = {name: model.module.get_submodule(name) for name in targets(model, lora)}
    besides = {name: Beside(part, scale=lora.alpha / lora.rank, dropout=lora.dropout) for name, part in linear.items()}
    stack = Stack(besides, layout, table)
    try:
        for name, beside in besides.items():
            model.module.set_submodule(name, beside)
        yield stack
    finally:
        for name, part in linear.items():
            model.module.set_submodule(name, part)
