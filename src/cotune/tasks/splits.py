"""Splits by group: missing dev and test rows, and folds for cross-validation, made with a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cotune.task import Row, Split, Task
from cotune.tasks.fingerprint import fingerprinted
from cotune.tasks.grouping import group_rows, sizes
from cotune.tasks.spec import SPLITS

SHARE = 0.1
"""Share of the train rows that a missing split takes."""

MOST_ROWS = 1000
"""Rows that a missing split takes at most, but for the last group's."""


def complete_splits(rows: Mapping[Split, Sequence[Row]], seed: int) -> dict[Split, tuple[Row, ...]]:
    """Gives rows with train, dev and test; what is missing is parted from train, whole groups at a time.

    Rows of one group (see `group_rows`) are never parted. A tenth of the train rows goes into each missing split, at
    most 1,000; which rows depends on the seed only.

    Raises:
        ValueError: there are no train rows, or too few groups.
    """
    train = list(rows.get("train", ()))
    missing: list[Split] = [split for split in ("dev", "test") if not rows.get(split)]
    if not train:
        raise ValueError(f"there are no train rows; found { ({split: len(kept) for split, kept in rows.items()}) }")
    if not missing:
        return {split: tuple(rows[split]) for split in SPLITS}
    groups = group_rows(train)
    counts = sizes(groups)
    if len(counts) <= len(missing):
        raise ValueError(
            f"{missing} must be made from train, which has {len(train)} rows in {len(counts)} groups of equal texts; "
            f"at least {len(missing) + 1} groups are needed. Give the missing splits, or more rows"
        )
    names = list(counts)
    order = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    wanted = min(MOST_ROWS, max(1, round(SHARE * len(train))))
    place: dict[str, Split] = {}
    for number, split in enumerate(missing):
        for group in _take(order, counts, wanted, keep=len(missing) - number):
            place[group] = split
    parted: dict[Split, list[Row]] = {split: [] if split == "train" else list(rows.get(split, ())) for split in SPLITS}
    for row, group in zip(train, groups, strict=True):
        parted[place.get(group, "train")].append(replace(row, group=group))
    return {split: tuple(kept) for split, kept in parted.items()}


def _take(order: list[str], counts: Mapping[str, int], wanted: int, *, keep: int) -> list[str]:
    taken: list[str] = []
    rows = 0
    while rows < wanted and len(order) > keep:
        taken.append(order.pop())
        rows += counts[taken[-1]]
    return taken


def k_folds(task: Task, k: int, seed: int) -> tuple[Task, ...]:
    """Gives k tasks for cross-validation: train and dev rows together are parted in k folds, each the dev of one task.

    Rows of one group (see `group_rows`) are in one fold; the folds are as equal in rows as greedy filling makes them,
    largest group first. Test rows stay untouched.

    Raises:
        ValueError: k is below 2 or above the number of groups.
    """
    rows = [*task.rows.get("train", ()), *task.rows.get("dev", ())]
    groups = group_rows(rows)
    counts = sizes(groups)
    if not 2 <= k <= len(counts):
        raise ValueError(f"Dataset {task.name!r} has {len(counts)} groups of rows; folds are 2 to that many, got {k}.")
    names = list(counts)
    order = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    filled = [0] * k
    fold_of: dict[str, int] = {}
    for group in sorted(order, key=lambda name: -counts[name]):
        fold = filled.index(min(filled))
        fold_of[group] = fold
        filled[fold] += counts[group]
    grouped = [replace(row, group=group) for row, group in zip(rows, groups, strict=True)]
    return tuple(_fold(task, grouped, fold_of, fold) for fold in range(k))


def _fold(task: Task, rows: Sequence[Row], fold_of: Mapping[str, int], fold: int) -> Task:
    parted: dict[Split, Sequence[Row]] = {
        "train": tuple(row for row in rows if fold_of[row.group] != fold),
        "dev": tuple(row for row in rows if fold_of[row.group] == fold),
        "test": task.rows.get("test", ()),
    }
    return fingerprinted(replace(task, rows=parted))
