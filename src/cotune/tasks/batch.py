"""Batches: rows that came after training, with answers or without, read as those of a task that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cotune.task import Kind, Row, Task
from cotune.tasks.columns import Reader, find_reader
from cotune.tasks.folder import read_files
from cotune.tasks.kinds import FORMATS
from cotune.tasks.records import Record
from cotune.tasks.rows import read_rows

ANSWERS = ("label", "spans", "tags", "relations", "events", "completion", "output", "answer")
"""Canonical columns that hold an answer."""


@dataclass(frozen=True)
class Batch:
    """Rows in order, and whether each came with an answer; one without has an answer that stands for none."""

    rows: tuple[Row, ...]
    answered: tuple[bool, ...]


def read_batch(paths: Sequence[Path], task: Task, columns: Mapping[str, str]) -> Batch:
    """Gives the rows of some files as those of `task`, which has no rows of its own; `columns` maps to its names.

    A row has no answer where the column is missing, null or "" (an empty cell of a CSV file), a chat where its last
    turn is not the assistant's.

    Raises:
        FileNotFoundError, OSError: a file is not there or cannot be read.
        ValueError: a row breaks a rule of the task's kind, or has a label that the task lacks; names file and line.
    """
    records = read_files(paths)
    reader = _reader(records, task, columns)
    filled = [_filled(record, reader, task) for record in records]
    try:
        named = read_rows({"test": [record for record, _ in filled]}, reader, labels=task.labels, roles=task.roles)
    except ValueError as error:
        raise ValueError(f"Rows for dataset {task.name!r}: {error}") from None
    return Batch(tuple(named.rows["test"]), tuple(has_answer for _, has_answer in filled))


def _reader(records: Sequence[Record], task: Task, columns: Mapping[str, str]) -> Reader:
    """Gives what reads the rows, were all their answers there."""
    there = list(dict.fromkeys(name for record in records for name in record.values))
    wanted = {*_needed(task.kind), *(name for name in columns if f"{{{name}}}" in _template(task))}
    known = {name: own for name, own in columns.items() if own in there or name in wanted}
    absent = [own for own in (known.get(name, name) for name in ANSWERS) if own not in there]
    try:
        return find_reader(there, kind=task.kind, columns=known)
    except ValueError as error:
        wrong = f"{records[0].where}: {error}"
    try:
        return find_reader([*there, *absent], kind=task.kind, columns=known)
    except ValueError:
        raise ValueError(wrong) from None


def _needed(kind: Kind) -> set[str]:
    return {name for layout in FORMATS[kind].layouts for name in layout.needs}


def _template(task: Task) -> str:
    return task.template.instruction + task.template.prompt


def _filled(record: Record, reader: Reader, task: Task) -> tuple[Record, bool]:
    """Gives a row that can be read, and whether its answer is its own."""
    if "messages" in reader.layout.needs:
        return _answered_chat(record, reader.columns["messages"])
    (answer,) = (name for name in reader.layout.needs if name in ANSWERS)
    own = reader.columns[answer]
    if record.values.get(own) not in (None, ""):
        return record, True
    return Record(record.where, {**record.values, own: _stand_in(answer, record, reader, task)}), False


def _stand_in(answer: str, record: Record, reader: Reader, task: Task) -> object:
    if answer == "label":
        return task.labels[0]
    if answer == "tags":
        tokens = record.values.get(reader.columns["tokens"])
        return ["O"] * len(tokens) if isinstance(tokens, list) else []
    prompt = record.values.get(reader.columns.get("prompt", ""))
    if answer == "completion" and not isinstance(prompt, str):
        return [{"role": "assistant", "content": ""}]
    return [] if answer in ("spans", "relations", "events") else ""


def _answered_chat(record: Record, own: str) -> tuple[Record, bool]:
    turns = record.values.get(own)
    if not isinstance(turns, list) or not turns or not isinstance(turns[-1], Mapping):
        return record, True  # the reader says what is wrong with it
    role = turns[-1].get("role", turns[-1].get("from"))
    if role not in ("user", "human"):
        return record, True
    return Record(record.where, {**record.values, own: [*turns, {"role": "assistant", "content": ""}]}), False
