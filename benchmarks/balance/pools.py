"""The pools: uneven sizes, a set with wrong labels, several kinds of tasks; of real sets, or of made-up ones."""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from benchmarks.balance.work import Work
from benchmarks.engine.tasks import made_up
from cotune.problem import check_names
from cotune.task import Row, Split, Task, Template
from cotune.tasks import DatasetSpec, load_task

CHOOSE, REPORT = "choose ", "report "
"""Begin the ids of rows that are scored."""


@dataclass(frozen=True)
class Part:
    """One set of a pool: `rows` of its train rows after the first `skip`, `wrong` of them with another label.

    Without `is_target` it is trained on and not scored. `scored` bounds how many rows are scored where that is dear.
    """

    source: str
    rows: int
    skip: int = 0
    wrong: float = 0.0
    is_target: bool = True
    scored: int | None = None

    @property
    def name(self) -> str:
        """The set's name in the pool."""
        return f"{self.source}_wrong" if self.wrong else self.source


@dataclass(frozen=True)
class Pool:
    """A pool of tasks of which some are targets; dev rows hold what is scored."""

    name: str
    tasks: tuple[Task, ...]
    targets: tuple[str, ...]

    @property
    def unscored(self) -> "Pool":
        """The pool with a single row of each target to be scored."""
        few = [
            {split: rows[:1] if split == "dev" else rows for split, rows in task.rows.items()} for task in self.tasks
        ]
        tasks = tuple(replace(task, rows=rows) for task, rows in zip(self.tasks, few, strict=True))
        return Pool(self.name, tasks, self.targets)

    @cached_property
    def mark(self) -> str:
        """A fingerprint of all rows."""
        return hashlib.sha256(repr([(task, sorted(task.rows.items())) for task in self.tasks]).encode()).hexdigest()[
            :12
        ]


POOLS: Mapping[str, tuple[Part, ...]] = {
    "uneven": (Part("snips", 2000), Part("scicite", 200), Part("sms_spam", 20)),
    "wrong": (
        Part("snips", 800),
        Part("snips", 800, skip=800, wrong=0.6, is_target=False),
        Part("scicite", 800),
        Part("sms_spam", 400),
    ),
    "mixed": (Part("snips", 800), Part("scicite", 800), Part("mts_dialog", 800, scored=32)),
}
"""The largest set of `uneven` has a hundred times the rows of the smallest."""

WORDS = ("cat", "dog", "cow", "hen", "fox", "owl", "fig", "kiwi", "lime", "pear", "plum", "date")
TINY: Mapping[str, tuple[Part, ...]] = {
    "uneven": (Part("label", 400), Part("say", 40), Part("repeat", 4)),
    "wrong": (Part("label", 60), Part("label", 60, skip=60, wrong=0.6, is_target=False), Part("say", 60)),
    "mixed": (Part("label", 60), Part("say", 60)),
}


def opened(names: Iterable[str], work: Work, data: Path | None) -> list[Pool]:
    """Gives the pools with these names, of the sets in the folder `data`, or of made-up sets.

    Raises:
        FileNotFoundError: a set is not in its folder.
        ValueError: there is no such pool, or a set has fewer rows than it should.
    """
    parts = TINY if data is None else POOLS
    check_names(names := tuple(names), list(parts))
    if data is not None and not data.is_dir():
        raise FileNotFoundError(f"--data is a folder with a folder for each dataset; there is none at {data}.")
    return [_pool(name, parts[name], work, data) for name in names]


def _pool(name: str, parts: Sequence[Part], work: Work, data: Path | None) -> Pool:
    whole = {part.source: _source(part.source, data) for part in parts}
    tasks = tuple(_task(part, whole[part.source], work) for part in parts)
    return Pool(name, tasks, tuple(part.name for part in parts if part.is_target))


def _source(name: str, data: Path | None) -> Task:
    if data is not None:
        return load_task(DatasetSpec(name, path=name), data)
    return _labelled(name) if name == "label" else _said(name)


def _task(part: Part, whole: Task, work: Work) -> Task:
    rows = balanced(whole, "train")[part.skip : part.skip + part.rows]
    if len(rows) < part.rows:
        raise ValueError(f"{part.source!r} has {len(rows)} of the {part.rows} train rows that are asked for.")
    rows = [_wrong(row, whole, part.wrong) for row in rows]
    kept: dict[Split, Sequence[Row]] = {"train": rows}
    if part.is_target:
        kept["dev"] = [
            *_drawn(whole, "dev", work.choose, part.scored, CHOOSE),
            *_drawn(whole, "test", work.report, part.scored, REPORT),
        ]
    return replace(whole, name=part.name, rows=kept, fingerprint="")


def _drawn(task: Task, split: Split, count: int, most: int | None, mark: str) -> list[Row]:
    """Draws rows of a split, the same for every contestant."""
    return [replace(row, id=mark + row.id) for row in balanced(task, split)[: min(count, most or count)]]


def balanced(task: Task, split: Split) -> list[Row]:
    """Gives the rows of a split in a seeded order in which the labels take turns, as long as there are any of each."""
    rows = list(task.rows[split])
    random.Random(f"{task.name} {split}").shuffle(rows)
    turns: dict[object, int] = {}
    places = {}
    for row in rows:
        label = row.answer if task.labels and isinstance(row.answer, str) else row.id
        turns[label] = places[row.id] = turns.get(label, 0) + 1
    return sorted(rows, key=lambda row: places[row.id])


def _wrong(row: Row, task: Task, share: float) -> Row:
    """Gives a row that with the chance `share` has another label of its task."""
    rng = random.Random(f"{task.name} {row.id}")
    if rng.random() >= share:
        return row
    return replace(row, answer=rng.choice([label for label in task.labels if label != row.answer]))


def _said(name: str) -> Task:
    """Gives a made-up generation: say the words again."""
    made = made_up(name, rows=120, dev=80)
    dev = list(made.rows["dev"])
    return replace(made, rows={"train": made.rows["train"], "dev": dev[:40], "test": dev[40:]})


def _labelled(name: str) -> Task:
    """Gives a made-up classification: is the word an animal or a fruit?"""
    rng = random.Random(name)
    places = [rng.randrange(len(WORDS)) for _ in range(480)]
    made = [Row(f"{name}-{n}", {"text": WORDS[at]}, "animal" if at < 6 else "fruit") for n, at in enumerate(places)]
    splits: dict[Split, Sequence[Row]] = {"train": made[:400], "dev": made[400:440], "test": made[440:]}
    template = Template("Label with one of: {labels}.", "Text: {text}\nLabel:")
    labels = ("animal", "fruit")
    return Task(name, "classification", splits, labels=labels, template=template, metric="accuracy")
