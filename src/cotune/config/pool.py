"""Pools: which datasets there are, and how they are loaded."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from cotune.config.model import dataset
from cotune.strict_yaml import read_yaml
from cotune.task import Task
from cotune.tasks.load import load_task
from cotune.tasks.pool import folder_specs
from cotune.tasks.spec import DatasetSpec

Entry = DatasetSpec | Task
"""A dataset as a file names it: where it is and how to read it, or no more than its name."""


def pool_entries(pool: Path) -> tuple[Entry, ...]:
    """Gives the datasets of a pool, a YAML file with a `datasets` list or a folder of folders, without reading rows.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: names file, line and rule.
    """
    if pool.is_dir():
        return folder_specs(pool)
    document = read_yaml(pool)
    listed = document.value.get("datasets") if isinstance(document.value, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"{pool}: a pool is a mapping with a list of datasets; found none.")
    entries = []
    for index, entry in enumerate(listed):
        try:
            entries.append(dataset(entry))
        except ValueError as error:
            raise ValueError(f"{document.where(('datasets', index))}: {error}") from None
    return tuple(entries)


def names_only(entries: Iterable[Entry]) -> tuple[Task, ...]:
    """Gives tasks that have no rows, for where only names matter."""
    return tuple(Task(entry.name) for entry in entries)


def load_entries(
    entries: Iterable[Entry], base: Path, *, data: Path | None = None, tell: Callable[[str], None] | None = None
) -> tuple[Task, ...]:
    """Loads datasets; paths are relative to `base`. A folder of `data` with a dataset's name stands in for its source.

    Raises:
        FileNotFoundError: a dataset is not there.
        ValueError: an entry has no path, or a dataset breaks a rule; names file and line.
    """
    tasks = []
    for entry in entries:
        if tell:
            tell(entry.name)
        if data is not None:
            tasks.append(load_task(_stand_in(entry, data), data))
        elif isinstance(entry, Task):
            raise ValueError(f"Dataset {entry.name!r} has no path; add one, or give a folder of datasets with --data.")
        else:
            tasks.append(load_task(entry, base))
    return tuple(tasks)


def _stand_in(entry: Entry, data: Path) -> DatasetSpec:
    if not (data / entry.name).is_dir():
        raise FileNotFoundError(f"Dataset {entry.name!r}: the data folder {str(data)!r} has no folder of that name.")
    if isinstance(entry, Task):
        return DatasetSpec(entry.name, entry.name)
    return replace(entry, path=entry.name, splits={}, columns={}, subset=None, revision=None, group=None)


def absolute(entry: Entry, base: Path) -> Entry:
    """Gives an entry that means the same from any folder: local paths are written from the root."""
    if isinstance(entry, Task) or not (base / entry.path).exists():
        return entry
    return replace(entry, path=str((base / entry.path).absolute()))
