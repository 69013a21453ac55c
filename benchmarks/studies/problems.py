"""The problems that studies search: held-out pools of small networks, landscapes, the shipped tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.pools import SHIPPED, Pool, draw_pools, open_pool
from cotune.testing import REGIMES

Problem = tuple[Pool, tuple[str, ...]]
"""A pool and the targets in it."""

SEED = 77
"""Seed of the studies' landscapes; those of `benchmarks.search` are drawn with 0."""


def pool_paths(paths: Sequence[Path], least: int = 6) -> list[Path]:
    """Gives the tables among `paths`, or in them if they are folders, that hold every combination of `least` or more.

    Raises:
        ValueError: there is none.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.npz")) if path.is_dir() else [path])]
    found = [file for file in files if _size(file) >= least]
    if not found:
        places = ", ".join(map(str, paths)) or "nothing"
        raise ValueError(
            f"Studies search tables of every combination of {least} datasets or more; {places} holds none. "
            "Name a folder of some with --pools (pretraining/README.md says how they are made)."
        )
    return found


def _size(path: Path) -> int:
    """Gives how many datasets a pool has, 0 if it is no table of every combination."""
    with np.load(path, allow_pickle=False) as arrays:
        count = len(arrays["names"]) if {"names", "mask"} <= {*arrays.files} else 0
        return count if count and len(arrays["mask"]) == 2**count - 1 else 0


def pool_problems(paths: Sequence[Path], most: int, *, least: int = 6) -> list[Problem]:
    """Gives at most `most` problems, spread evenly over pools and targets."""
    opened = [open_pool(path, "nll") for path in pool_paths(paths, least)]
    return spread([(pool, targets) for pool in opened for targets in pool.targets()], most)


def landscape_problems(count: int, *, size: int = 10) -> list[Problem]:
    """Gives about `count` problems of one target, as many of each regime."""
    drawn = draw_pools(-(-count // len(REGIMES)), REGIMES, SEED, {"size": size})
    return [(pool, next(pool.targets())) for pool in drawn][:count]


def shipped_problems(most: int, *, only: int | None = None) -> list[Problem]:
    """Gives at most `most` problems of the shipped tables, or of one of them; whoever scores them logs it."""
    paths = SHIPPED if only is None else SHIPPED[only : only + 1]
    opened = [open_pool(path, "nll") for path in paths]
    return spread([(pool, targets) for pool in opened for targets in pool.targets()], most)


def spread(problems: Sequence[Problem], most: int) -> list[Problem]:
    """Gives at most `most` of the problems, evenly from first to last."""
    if len(problems) <= most:
        return list(problems)
    return [problems[index] for index in np.linspace(0, len(problems) - 1, most).round().astype(int)]
