"""One call of `cotune reuse`: what is read, chosen and written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cotune import __version__
from cotune.cache import cache_root
from cotune.cli.console import Json, print_json, print_table, print_text
from cotune.cli.errors import OK
from cotune.cli.reused import facts_of, print_found
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages
from cotune.cli.subject import Subject
from cotune.cli.unfinished import unfinished, whole
from cotune.task import Task

if TYPE_CHECKING:
    from cotune.training.reuse.search import Drawn, Shelf, Tell

RECORD = "reuse.json"
"""What the folder of a pick keeps of how it came about."""

NO_PICK = "No adapter lowers the loss on the train rows in any layer: take the model as it is. Nothing was written."


@dataclass(frozen=True)
class Reusing:
    """One call of `cotune reuse`; `folders` are the adapters'."""

    subject: Subject
    task: Task
    folders: tuple[Path, ...]
    drawn: "Drawn"
    passes: int
    seed: int
    quiet: bool

    @classmethod
    def prepare(
        cls,
        subject: Subject,
        adapters: tuple[Path, ...],
        *,
        rows: int,
        passes: int,
        seed: int,
        data: Path | None,
        quiet: bool,
    ) -> "Reusing":
        """Finds the adapters, loads the data and draws the rows.

        Raises:
            FileNotFoundError, ValueError: a dataset or an adapter is not there or breaks a rule.
        """
        from cotune.training.reuse.folders import find_adapters
        from cotune.training.reuse.search import draw

        folders = tuple(find_adapters(adapters))
        task, _ = subject.load(data=data, quiet=quiet)
        scoring = subject.opened.config.scoring
        drawn = draw(task, count=rows, dev=scoring.dev_rows, seed=seed, dev_seed=scoring.row_seed)
        return cls(subject, task, folders, drawn, passes, seed, quiet)

    def preview(self) -> int:
        """Prints the adapters and how often rows would be read at most; loads the model, reads and writes nothing."""
        with self._shelf() as (shelf, _):
            labels, options, most = shelf.labels, shelf.library.options, shelf.most_readings(self.passes)
        layers = {label: [at for at, own in enumerate(options) if number in own] for number, label in enumerate(labels)}
        if self.quiet:
            facts: dict[str, Json] = {"out": str(self.subject.out), "model": self.subject.model, "adapters": layers}
            print_json(facts | {"dataset": self.task.name, "rows": self._rows, "most_readings": most})
            return OK
        print_table(["adapter", "layers"], [[label, _spans(own)] for label, own in layers.items()])
        print_text(
            f"\nWould read {self._rows['train']:,} train rows of {self.task.name} at most {most:,} times, mostly from "
            f"the layer on that changes, and {self._rows['dev']:,} dev rows at most {len(labels) + 2} times. Test "
            f"would stay unread.\nNothing was chosen. It would be written to {self.subject.out}."
        )
        return OK

    def run(self) -> int:
        """Chooses, writes the pick and tells what it is worth; of no adapter nothing is written."""
        with unfinished(self.subject.out) as scratch, whole(scratch), self._shelf() as (shelf, tell):
            found = shelf.search(self.task, self.drawn, passes=self.passes, tell=tell)
            facts = self._facts() | facts_of(found, shelf.labels)
            is_written = found.pick.pick != found.none.pick
            if is_written:
                shelf.save(found.pick.pick, scratch)
                (scratch / RECORD).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
        if self.quiet:
            print_json(facts | {"out": str(self.subject.out) if is_written else None})
            return OK
        print_found(found, shelf.labels)
        where = f"Wrote {self.subject.out}; {RECORD} in it says which layer is from where."
        print_text(f"\n{where if is_written else NO_PICK}")
        return OK

    @property
    def _rows(self) -> dict[str, int]:
        return {split: len(rows) for split, rows in self.drawn._asdict().items()}

    def _facts(self) -> dict[str, Json]:
        """Gives what the choice was made from."""
        return {
            "cotune": __version__,
            "model": self.subject.model,
            "dataset": self.task.name,
            "fingerprint": self.task.fingerprint,
            "seed": self.seed,
            "rows": self._rows,
            "folders": [str(folder) for folder in self.folders],
        }

    @contextmanager
    def _shelf(self) -> "Iterator[tuple[Shelf, Tell]]":
        """Gives the library on its model, and what tells how far it is."""
        from cotune.training.reuse.search import opened

        config = self.subject.opened.config
        with Screen(quiet=self.quiet) as screen:
            tell = Stages(screen).tell
            with opened(
                config.model,
                self.folders,
                config.train,
                max_length=self.subject.max_length,
                cache=cache_root() / "trunk",
                tell=tell,
            ) as shelf:
                yield shelf, tell


def _spans(layers: list[int]) -> str:
    """Gives layers in words: 24-29, or one by one.

    >>> _spans([0, 2, 3, 4])
    '0, 2-4'
    """
    starts = [layer for layer in layers if layer - 1 not in layers]
    ends = [layer for layer in layers if layer + 1 not in layers]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
