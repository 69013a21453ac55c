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
from cotune.cli.opening import Opened
from cotune.cli.reused import facts_of, print_found
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages, load_problem
from cotune.cli.unfinished import check_out, unfinished, whole
from cotune.problem import check_names
from cotune.task import Task

if TYPE_CHECKING:
    from cotune.training.reuse.search import Drawn, Shelf, Tell

RECORD = "reuse.json"
"""What the folder of a pick keeps of how it came about."""

NO_PICK = "No adapter lowers the loss on the train rows in any layer: take the model as it is. Nothing was written."


@dataclass(frozen=True)
class Reusing:
    """One call of `cotune reuse`; `folders` are the adapters'."""

    opened: Opened
    task: Task
    folders: tuple[Path, ...]
    drawn: "Drawn"
    out: Path
    passes: int
    seed: int
    quiet: bool

    @classmethod
    def prepare(
        cls,
        opened: Opened,
        name: str,
        adapters: tuple[Path, ...],
        *,
        out: Path,
        rows: int,
        passes: int,
        seed: int,
        data: Path | None,
        quiet: bool,
    ) -> "Reusing":
        """Checks names and folders, loads the data and draws the rows.

        Raises:
            FileNotFoundError, ValueError: a dataset or an adapter is not there or breaks a rule; `out` has something in
                it; the study has an evaluation of its own.
        """
        if opened.config.evaluate is not None:
            raise ValueError(
                f"This study has an evaluation of its own ({opened.config.evaluate}) and names no language model; "
                "`cotune reuse` puts adapters of one together."
            )
        check_names([name], [entry.name for entry in opened.config.datasets], "--dataset")
        check_out(out)
        from cotune.training.reuse.folders import find_adapters
        from cotune.training.reuse.search import draw

        folders = tuple(find_adapters(adapters))
        task = next(task for task in load_problem(opened, data=data, quiet=quiet).tasks if task.name == name)
        scoring = opened.config.scoring
        drawn = draw(task, count=rows, dev=scoring.dev_rows, seed=seed, dev_seed=scoring.row_seed)
        return cls(opened, task, folders, drawn, out, passes, seed, quiet)

    def preview(self) -> int:
        """Prints the adapters and how often rows would be read at most; loads the model, reads and writes nothing."""
        with self._shelf() as (shelf, _):
            labels, options, most = shelf.labels, shelf.library.options, shelf.most_readings(self.passes)
        layers = {label: [at for at, own in enumerate(options) if number in own] for number, label in enumerate(labels)}
        if self.quiet:
            facts: dict[str, Json] = {"out": str(self.out), "model": self.opened.config.model, "adapters": layers}
            print_json(facts | {"dataset": self.task.name, "rows": self._rows, "most_readings": most})
            return OK
        print_table(["adapter", "layers"], [[label, _spans(own)] for label, own in layers.items()])
        print_text(
            f"\nWould read {self._rows['train']:,} train rows of {self.task.name} under at most {most:,} picks, most "
            f"of them from the layer on that they change, and {self._rows['dev']:,} dev rows under at most "
            f"{len(labels) + 2}. Test would stay unread.\nNothing was chosen. It would be written to {self.out}."
        )
        return OK

    def run(self) -> int:
        """Chooses, writes the pick and tells what it is worth; of no adapter nothing is written."""
        with self._shelf() as (shelf, tell):
            found = shelf.search(self.task, self.drawn, passes=self.passes, tell=tell)
            facts = self._facts() | facts_of(found, shelf.labels)
            is_written = found.pick.pick != found.none.pick
            if is_written:
                with unfinished(self.out) as scratch, whole(scratch):
                    shelf.save(found.pick.pick, scratch)
                    (scratch / RECORD).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
        if self.quiet:
            print_json(facts | {"out": str(self.out) if is_written else None})
            return OK
        print_found(found, shelf.labels)
        where = f"Wrote {self.out}; {RECORD} in it says which layer is from where."
        print_text(f"\n{where if is_written else NO_PICK}")
        return OK

    @property
    def _rows(self) -> dict[str, int]:
        return {split: len(rows) for split, rows in self.drawn._asdict().items()}

    def _facts(self) -> dict[str, Json]:
        """Gives what the choice was made from."""
        return {
            "cotune": __version__,
            "model": self.opened.config.model,
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

        config = self.opened.config
        with Screen(quiet=self.quiet) as screen:
            tell = Stages(screen).tell
            length = config.train.length_of(self.task.name)
            with opened(
                config.model,
                self.folders,
                config.train,
                max_length=length,
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
