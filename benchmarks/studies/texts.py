"""Pools of small networks with the texts that they were made of."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.pools import Pool, open_pool
from cotune.task import Task
from cotune.tasks import DatasetSpec, load_task


def with_texts(path: Path, data: Path) -> Pool:
    """Opens a pool that `pretraining.pools` wrote, its tasks with as many training rows as were trained on.

    Which rows they were is not stored: these are the first ones of the same dataset; a copy has its original's.

    Raises:
        ValueError: the pool does not say which datasets it was made of.
        FileNotFoundError: one of them is not in `data`.
    """
    pool = open_pool(path, "nll")
    with np.load(path, allow_pickle=False) as arrays:
        if "args" not in arrays:
            raise ValueError(f"{path}: what a pool was made of is in `args`; there is none. Name pools of pretraining.")
        drawn = json.loads(str(arrays["args"]))
    tasks = []
    for place, name in enumerate(pool.table.names):
        origin = drawn["copies"][place]
        task = _load(data / drawn["names"][origin])
        tasks.append(replace(task, name=name, rows={"train": task.rows["train"][: drawn["rows"][origin]]}))
    return replace(pool, tasks=tuple(tasks))


def datasets(path: Path) -> tuple[str, ...]:
    """Gives for each task of a pool the name of the dataset that it was made of."""
    with np.load(path, allow_pickle=False) as arrays:
        drawn = json.loads(str(arrays["args"]))
    return tuple(drawn["names"][origin] for origin in drawn["copies"])


@lru_cache
def _load(folder: Path) -> Task:
    return load_task(DatasetSpec(folder.name, str(folder.absolute())), Path())
