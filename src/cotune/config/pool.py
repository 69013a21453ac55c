"""Pools: which datasets there are, and how they are loaded."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from cotune.config.model import OWN_METRIC, dataset
from cotune.strict_yaml import read_yaml
from cotune.task import Split, Task
from cotune.tasks.held_out import drop_shared, shared_with_test
from cotune.tasks.leaks import Leak, drop_leaks, find_leaks
from cotune.tasks.load import load_task
from cotune.tasks.pool import folder_specs
from cotune.tasks.spec import DatasetSpec
from cotune.trial import Progress

_LOG = logging.getLogger(__name__)

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
    """Gives tasks that have no rows, for where only names matter, and the words for an own evaluation's scores."""
    return tuple(entry if isinstance(entry, Task) else Task(entry.name) for entry in entries)


def load_entries(
    entries: Iterable[Entry],
    base: Path,
    *,
    data: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Task, ...]:
    """Loads datasets; paths are relative to `base`. A folder of `data` with a dataset's name stands in for its source.

    `progress` is told of what is fetched.

    Raises:
        FileNotFoundError: a dataset, or `data`, is not there.
        ValueError: an entry has no path, or a dataset breaks a rule; names file and line.
    """
    if data is not None and not data.is_dir():
        raise FileNotFoundError(f"There is no data folder {str(data)!r}.")
    return tuple(_load(entry, base, data, progress) for entry in entries)


def _load(entry: Entry, base: Path, data: Path | None, progress: Callable[[Progress], None] | None) -> Task:
    if data is not None and (data / entry.name).is_dir():
        return load_task(_stand_in(entry), data)
    if isinstance(entry, Task):
        raise ValueError(f"Dataset {entry.name!r} has no path; add one, or give a folder of datasets with --data.")
    return load_task(entry, base, progress=progress)


def _stand_in(entry: Entry) -> DatasetSpec:
    """Gives the entry for a folder of its name in our plain format, whose columns and splits need no telling."""
    if isinstance(entry, Task):
        return DatasetSpec(entry.name, entry.name, metric=None if entry.metric == OWN_METRIC else entry.metric)
    return replace(entry, path=entry.name, splits={}, columns={}, subset=None, revision=None, group=None)


def without_leaks(
    tasks: Sequence[Task], policy: Literal["drop", "refuse", "keep"], found: Iterable[Leak] | None = None
) -> tuple[Task, ...]:
    """Gives the tasks without rows that leak, as `policy` says.

    Those are train rows that stand in a dev or test split of the pool, and dev rows that stand in their own test split.
    `found` are the leaks, if they were looked for already. Fingerprints stay those of the content as loaded, so that a
    dataset added to the pool, which may make rows of another leak, keeps a study's trials.

    Raises:
        ValueError: there are such rows and the policy is to refuse, or a dataset would have no train rows left.
    """
    if policy == "keep":
        return tuple(tasks)
    leaks = [leak for leak in (find_leaks(tasks) if found is None else found) if not leak.is_short]
    if policy == "refuse":
        _refuse(leaks, tasks)
    kept = [drop_shared(task) for task in drop_leaks(tasks, leaks)]
    if found is None:
        _tell_dropped(tasks, kept)
    return tuple(replace(task, fingerprint=loaded.fingerprint) for task, loaded in zip(kept, tasks, strict=True))


def _refuse(leaks: Sequence[Leak], tasks: Iterable[Task]) -> None:
    remedy = "Remove them, or set leaks: drop. `cotune check` lists them."
    if leaks:
        first = leaks[0]
        raise ValueError(
            f"{len({(leak.train_task, leak.train_id) for leak in leaks})} train rows stand in dev or test rows, as "
            f"{first.train_id!r} of {first.train_task!r} in {first.split} of {first.other_task!r}. {remedy}"
        )
    for task in tasks:
        shared = shared_with_test(task.rows)
        if shared:
            raise ValueError(
                f"{len(shared)} dev rows of {task.name!r} stand in its test rows, as {shared[0]!r}. {remedy}"
            )


def _tell_dropped(tasks: Iterable[Task], kept: Iterable[Task]) -> None:
    split: Split
    for split, where in (("train", "dev or test"), ("dev", "test")):
        before, after = (sum(len(task.rows.get(split, ())) for task in side) for side in (tasks, kept))
        if before > after:
            _LOG.warning(
                "Left out %d %s rows that stand in %s rows; `cotune check` lists them.", before - after, split, where
            )
