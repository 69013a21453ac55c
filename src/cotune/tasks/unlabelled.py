"""Unlabelled rows: texts in the form of a classification, whose answers are not read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cotune.task import Row, Task
from cotune.tasks.columns import Reader, find_reader
from cotune.tasks.grouping import row_texts
from cotune.tasks.kinds import FORMATS
from cotune.tasks.leaks import Leak, find_leaks, text_key
from cotune.tasks.pseudolabels import extra_fields
from cotune.tasks.records import Record, read_records
from cotune.tasks.rows import read_rows
from cotune.tasks.template import check_template

_STAND_IN = "(label)"
"""The column that stands for the answer while a row is read."""


@dataclass(frozen=True)
class Unlabelled:
    """The rows of a file, each with the first label as a stand-in; `answered` counts those that have an answer."""

    rows: tuple[Row, ...]
    answered: int


@dataclass(frozen=True)
class Sifted:
    """The rows that are left, and how many were not: in held-out rows, among the labelled ones, or repeated."""

    rows: tuple[Row, ...]
    leaked: int
    labelled: int
    repeated: int


def read_unlabelled(path: Path, task: Task, columns: Mapping[str, str]) -> Unlabelled:
    """Gives the rows of a file as rows of the classification `task`; `columns` are the dataset's own, by our names.

    Those of `columns` that the file lacks are looked for under their usual names. Answers are not read.

    Raises:
        FileNotFoundError, OSError: the file is not there or cannot be read.
        ValueError: a row breaks a rule, or a column that the prompt names is missing; names file and line.
    """
    records = read_records(path)
    first = records[0]
    extra = extra_fields(task)
    used = ("id", *FORMATS[task.kind].fields, *extra)
    own = {name: name for name in extra if name in first.values}
    own |= {name: column for name, column in columns.items() if name in used and column in first.values}
    try:
        reader = find_reader([_STAND_IN, *first.values], kind=task.kind, columns={**own, "label": _STAND_IN})
        check_template(task.template, [*FORMATS[task.kind].fields, *reader.extra], extraction=False)
    except ValueError as error:
        raise ValueError(f"{first.where}: {str(error).replace(f'{_STAND_IN!r}, ', '')}") from None
    blind = [Record(where, {**values, _STAND_IN: task.labels[0]}) for where, values in records]
    rows = read_rows({"train": blind}, reader, labels=task.labels).rows["train"]
    return Unlabelled(tuple(rows), _answered(records, reader, columns.get("label")))


def sift(rows: Sequence[Row], task: Task, pool: Sequence[Task], policy: Literal["drop", "refuse", "keep"]) -> Sifted:
    """Gives the rows without those that stand, exactly or nearly, in a dev or test row of the pool.

    Left out, too, are rows whose texts are those of a train row of `task`, whose label is known, and repeated ones.
    Short texts count here, and "keep" does not keep any: no answer is lost with them.

    Raises:
        ValueError: a row stands in a dev or test row and the policy is to refuse, or none is left.
    """
    held = [replace(other, rows={**other.rows, "train": ()}) for other in pool]
    leaks = find_leaks([Task("unlabelled", task.kind, {"train": rows}), *held])
    if leaks and policy == "refuse":
        raise ValueError(_refusal(leaks))
    leaked = {leak.train_id for leak in leaks}
    labelled = {_key(row) for row in task.rows.get("train", ())}
    clean = [row for row in rows if row.id not in leaked]
    new = [row for row in clean if _key(row) not in labelled]
    left = {_key(row): row for row in reversed(new)}  # of equal ones the first
    if not left:
        raise ValueError(
            f"None of the {len(rows):,} unlabelled rows is left: {len(leaked):,} stand in dev or test rows of the pool "
            f"and {len(clean) - len(new):,} are train rows of {task.name!r}. Give other rows."
        )
    kept = tuple(row for row in new if left[_key(row)] is row)
    return Sifted(kept, len(rows) - len(clean), len(clean) - len(new), len(new) - len(kept))


def _refusal(leaks: Sequence[Leak]) -> str:
    first = leaks[0]
    return (
        f"{len({leak.train_id for leak in leaks})} unlabelled rows stand in dev or test rows, as {first.train_id!r} in "
        f"{first.split} of {first.other_task!r} ({first.other_id!r}). Remove them, or set leaks: drop."
    )


def _answered(records: Sequence[Record], reader: Reader, own: str | None) -> int:
    taken = set(reader.columns.values())
    names = [name for name in (own, *reader.layout.needs["label"]) if name is not None and name not in taken]
    return sum(any(record.values.get(name) not in (None, "") for name in names) for record in records)


def _key(row: Row) -> tuple[str, ...]:
    return tuple(map(text_key, row_texts(row)))
