"""The search for a dataset's pick among adapters, from a model's name and folders to losses and a written adapter."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cotune.task import Row, Task
from cotune.training.adapter import writing
from cotune.training.choice import choose_decoder, trunk_of
from cotune.training.decoder import Decoder
from cotune.training.encode import Encoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.loaded import check_length
from cotune.training.model import load_model
from cotune.training.reuse.descent import Descent, Known, Pick, descend
from cotune.training.reuse.folders import read_adapters
from cotune.training.reuse.library import Library, shelved
from cotune.training.reuse.reader import Reader
from cotune.training.reuse.written import write_factors
from cotune.training.scoring import drawn_rows
from cotune.training.settings import Lora, Train
from cotune.training.trunk import Trunk
from cotune.trial import Progress
from cotune.verdict.loss_gap import LossGap, loss_gap

Tell = Callable[[Progress], None]
Encode = Callable[[Task, Sequence[Row]], list[Example]]


class Drawn(NamedTuple):
    """The rows that picks are chosen by, of the train split, and those that the choice is measured on, of dev."""

    train: tuple[Row, ...]
    dev: tuple[Row, ...]


@dataclass(frozen=True)
class Measured:
    """A pick's losses in nats a token, on the rows it was chosen by and on dev.

    `gap` is by how much the chosen pick's loss on dev is above its, None where it is that pick.
    """

    pick: Pick
    train: float
    dev: float
    gap: LossGap | None


@dataclass(frozen=True)
class Found:
    """What a search found: the pick, what it is compared with, and how it came about.

    `wholes` are the adapters taken whole; `best` is the number of the one with the least loss on the train rows.
    `readings` counts how often the train rows were read.
    """

    none: Measured
    wholes: tuple[Measured, ...]
    pick: Measured
    best: int
    descent: Descent
    readings: int


def draw(task: Task, *, count: int, dev: int | None, seed: int, dev_seed: int) -> Drawn:
    """Gives `count` train rows of `task` drawn by `seed`, and `dev` dev rows (None: all) drawn by `dev_seed`.

    Raises:
        ValueError: there are fewer than two of either.
    """
    train = drawn_rows(task, "train", count=count, seed=seed)
    held = drawn_rows(task, "dev", count=dev, seed=dev_seed)
    if min(len(train), len(held)) < 2:
        raise ValueError(
            f"Dataset {task.name!r} has {len(train)} train and {len(held)} dev rows; to choose adapters and measure "
            "the choice takes two of each."
        )
    return Drawn(train, held)


class Shelf:
    """A library on its model, to be searched for datasets; see `opened`."""

    def __init__(self, library: Library, encode: Encode, decoder: Decoder, trunk: Trunk | None) -> None:
        self.library = library
        self._encode, self._decoder, self._trunk = encode, decoder, trunk

    @property
    def labels(self) -> tuple[str, ...]:
        """The adapters' labels."""
        return tuple(stored.label for stored in self.library.adapters)

    def most_readings(self, passes: int) -> int:
        """Gives how often the train rows are read at most.

        That is with none, each adapter whole and, in each pass, all candidates and once more what it begins from.
        """
        return 1 + len(self.labels) + passes * (1 + sum(map(len, self.library.options)))

    def search(self, task: Task, drawn: Drawn, *, passes: int, tell: Tell) -> Found:
        """Gives the pick that `descend` ends in from the adapter, or none, with the least loss on the train rows.

        Dev rows are read when it is found: none, each adapter whole, and the pick.

        Raises:
            TrialError: a loss is not finite, or memory runs out.
        """
        library, known = self.library, Known(self._reader(task, drawn.train))
        wholes = [library.whole(adapter) for adapter in range(len(self.labels))]
        starts = [library.none, *wholes]
        self._read(known, starts, lambda done: tell(Progress(None, "reading adapters", done, len(starts))))
        descent = descend(
            known,
            min(starts, key=known.mean),
            library.options,
            passes=passes,
            tell=lambda sweep, done, total: tell(Progress(None, f"choosing layers, pass {sweep + 1}", done, total)),
        )
        best = min(range(len(wholes)), key=lambda adapter: known.mean(wholes[adapter]))
        on_dev = Known(self._reader(task, drawn.dev))
        picks = list(dict.fromkeys([*starts, descent.pick]))
        self._read(on_dev, picks, lambda done: tell(Progress(None, "measuring on dev", done, len(picks))))
        measured = {pick: _measured(pick, known, on_dev, descent.pick) for pick in picks}
        return Found(
            measured[library.none],
            tuple(measured[pick] for pick in wholes),
            measured[descent.pick],
            best,
            descent,
            known.readings,
        )

    def save(self, pick: Pick, folder: Path) -> None:
        """Writes `pick`, which is not none, as a folder for `peft.PeftModel.from_pretrained`, tokenizer included.

        Raises:
            OSError: the disk is full or refuses.
        """
        with writing(folder):
            write_factors(folder, self.library.model, self.library.factors(pick))

    def _reader(self, task: Task, rows: Sequence[Row]) -> Reader:
        return Reader(self.library, self._decoder, self._trunk, self._encode(task, rows))

    def _read(self, known: Known, picks: Sequence[Pick], tell: Callable[[int], None]) -> None:
        """Has the losses of `picks` read.

        Raises:
            TrialError: some are not finite.
        """
        for done, pick in enumerate(picks):
            tell(done)
            if not np.isfinite(known.losses(pick)).all():
                used = sorted({self.labels[adapter] for adapter in pick if adapter is not None})
                remedy = "Leave it out." if used else "Set train.dtype to float32."
                raise TrialError(f"Losses with {' and '.join(used) or 'no adapter'} are not finite. {remedy}")


@contextmanager
def opened(
    name: str, folders: Sequence[Path], train: Train, *, max_length: int, cache: Path | None, tell: Tell
) -> Iterator[Shelf]:
    """Loads the model `name` as `train` says, with the adapters in `folders` on it.

    Examples have at most `max_length` tokens. `cache` keeps what the layers below all adapters give.

    Raises:
        ValueError: the model cannot be loaded or reads fewer tokens; an adapter cannot be read, is no plain LoRA, or is
            another model's.
    """
    if train.threads is not None:
        torch.set_num_threads(train.threads)
    model = load_model(name, train=train, lora=Lora(), progress=tell)
    check_length(model.module.config.get_text_config().to_dict(), max_length)
    adapters = read_adapters(folders, model)
    encoder = Encoder(model.tokenizer, style=train.prompt_style)
    with shelved(model, adapters) as library:
        trunk = trunk_of(model, library.lowest, cache=cache)
        decoder = choose_decoder(model, trunk, longest=max_length, cut=library.lowest)
        encode = partial(encoder.examples, max_length=max_length, keep_all=True)
        yield Shelf(library, encode, decoder, trunk)


def _measured(pick: Pick, known: Known, on_dev: Known, chosen: Pick) -> Measured:
    gap = None if pick == chosen else loss_gap(on_dev.losses(chosen), on_dev.losses(pick), on_dev.rows.tokens)
    return Measured(pick, known.mean(pick), on_dev.mean(pick), gap)
