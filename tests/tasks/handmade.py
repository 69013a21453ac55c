"""Small tasks and rows written out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cotune.task import Answer, Kind, Row, Task
from cotune.tasks.kinds import FORMATS
from cotune.tasks.labels import plain

WriteLines = Callable[[str, Sequence[object]], Path]
"""Writes rows as JSON lines to a path below the test's folder."""


def make_task(kind: Kind, labels: Sequence[str] = (), roles: Sequence[str] = (), name: str = "t") -> Task:
    """Makes a task of a kind with its default template and no rows."""
    template = FORMATS[kind].template(name, tuple(plain(tuple(labels)).values()))
    return Task(name, kind, labels=tuple(labels), roles=tuple(roles), template=template)


def row(answer: Answer, **fields: str) -> Row:
    """Makes a row."""
    return Row("r", fields, answer)
