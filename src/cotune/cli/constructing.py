"""One call of `cotune elements`: what is asked, written and told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cli.console import Json, plain, print_json, print_table, print_text, shorten
from cotune.cli.errors import OK, one_line
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages
from cotune.cli.subject import Subject
from cotune.cli.unfinished import unfinished, whole
from cotune.config.dump import one_line_yaml
from cotune.task import Split, Task
from cotune.tasks.elements import Item, check_elements, element_dataset, question, text_of, write_elements
from cotune.trial import Progress

if TYPE_CHECKING:
    from cotune.training.elements import Drawn

ADVICE = "Read some rows first: a small model names elements poorly, and no gain is promised."


@dataclass(frozen=True)
class Written:
    """What was written for an element: its rows by split, and how sure the train rows are.

    `confidence` is their mean one, `shown` counts those whose label is the most likely one with the elements, `refined`
    those of them where that took telling the label.
    """

    name: str
    rows: Mapping[Split, int]
    confidence: float
    shown: int
    refined: int


@dataclass(frozen=True)
class Constructing:
    """One call of `cotune elements`."""

    subject: Subject
    task: Task
    elements: tuple[str, ...]
    drawn: "Drawn"
    rounds: int
    seed: int
    quiet: bool

    @classmethod
    def prepare(
        cls,
        subject: Subject,
        elements: tuple[str, ...],
        *,
        rows: int | None,
        rounds: int,
        seed: int,
        data: Path | None,
        quiet: bool,
    ) -> "Constructing":
        """Loads the data and draws the rows.

        Raises:
            FileNotFoundError, ValueError: a dataset is not there or breaks a rule.
        """
        task, _ = subject.load(data=data, quiet=quiet)
        check_elements(task, elements)
        subject.check_new((element_dataset(task, element) for element in elements), "ask for another --element")
        from cotune.training.elements import draw

        return cls(subject, task, elements, draw(task, count=rows, seed=seed), rounds, seed, quiet)

    def preview(self) -> int:
        """Prints how much would be asked, and the first question for each element; asks and writes nothing."""
        rows = sum(map(len, self.drawn))
        least, most = rows * len(self.elements), rows * len(self.elements) * (1 + self.rounds)
        first = text_of(self.task, self.drawn.train[0])
        questions = {element: question(element, first) for element in self.elements}
        if self.quiet:
            facts: dict[str, Json] = {"out": str(self.subject.out), "model": self.subject.model, "questions": questions}
            print_json(facts | {"rows": self._rows, "least_outputs": least, "most_outputs": most})
            return OK
        print_text(
            f"Would ask {self.subject.model} for {', '.join(self.elements)} of {rows:,} rows of {self.task.name} "
            f"({_splits(self._rows)}): {least:,} outputs, up to {most:,} if {self.rounds} rounds refine all, and "
            f"the likelihoods of {len(self.task.labels)} labels after each."
        )
        for element, text in questions.items():
            print_text(f"  {element}: {shorten(one_line(text), 300)}")
        print_text(f"Nothing was asked. It would be written to {self.subject.out}.")
        return OK

    def run(self) -> int:
        """Asks, writes the datasets and tells what to add to the study."""
        with unfinished(self.subject.out) as scratch, whole(scratch):
            model, items = self._asked()
            written = [self._write(scratch, element, model, items) for element in self.elements]
        entries = [self._entry(one.name) for one in written]
        if self.quiet:
            print_json({"out": str(self.subject.out), "written": plain(written), "datasets": plain(entries)})
            return OK
        _show(written)
        print_text(f"\nWrote {self.subject.out}. {ADVICE} Then add to train and datasets of the study:\n")
        print_text("train:\n  balancer: mt_isa\ndatasets:")
        for entry in entries:
            print_text(f"  - {one_line_yaml(entry)}")
        return OK

    @property
    def _rows(self) -> dict[str, int]:
        return {split: len(rows) for split, rows in self.drawn._asdict().items()}

    def _asked(self) -> tuple[str, dict[Split, list[Item]]]:
        """Gives the model's name and the items of each split."""
        from cotune.training.elements import construct, load_asker

        config, total = self.subject.opened.config, sum(map(len, self.drawn))
        rows = [row for part in self.drawn for row in part]
        with Screen(quiet=self.quiet) as screen:
            tell = Stages(screen).tell
            asker = load_asker(config.model, config.train, max_length=self.subject.max_length, progress=tell)
            stage = f"asking {asker.name} for {', '.join(self.elements)}"
            tell(Progress(None, stage, 0, total))
            made = construct(
                asker,
                self.task,
                rows,
                self.elements,
                rounds=self.rounds,
                tell=lambda done: tell(Progress(None, stage, done, total)),
            )
        train, dev = len(self.drawn.train), len(self.drawn.train) + len(self.drawn.dev)
        return asker.name, {"train": made[:train], "dev": made[train:dev], "test": made[dev:]}

    def _write(self, folder: Path, element: str, model: str, items: Mapping[Split, Sequence[Item]]) -> Written:
        name = element_dataset(self.task, element)
        about = {
            "source": f"written by {model} for {self.task.name} ({self.task.source})",
            "notes": "Elements that a language model named in texts of a classification, by `cotune elements`. dev and "
            "test are of its dev rows.",
            "rounds": self.rounds,
            "seed": self.seed,
        }
        counts = write_elements(folder / name, self.task, element, items, about)
        kept = [item for item in items["train"] if item.elements[element]]
        sure = sum(item.confidence for item in kept) / len(kept)
        shown = [item for item in kept if item.is_shown]
        return Written(name, counts, sure, len(shown), sum(item.round > 0 for item in shown))

    def _entry(self, name: str) -> dict[str, Json]:
        """Gives the entry of a dataset in the study."""
        path = self.subject.path_of(self.subject.out / name)
        return {"name": name, "path": path, "kind": "generation", "columns": {"confidence": "confidence"}}


def _splits(rows: Mapping[str, int]) -> str:
    return f"{rows['train']:,} train, {rows['dev'] + rows['test']:,} dev"


def _show(written: Sequence[Written]) -> None:
    header = ["dataset", "train", "dev", "test", "mean confidence", "label likeliest", "only once told"]
    rows = [
        [
            one.name,
            *(f"{one.rows[split]:,}" for split in one.rows),
            f"{one.confidence:.3f}",
            f"{one.shown:,}",
            f"{one.refined:,}",
        ]
        for one in written
    ]
    print_table(header, rows)
