"""Draws pools of real datasets and trains small networks on their mixtures: where the predictor learns its trade."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pretraining.rows import Library, Rows, build_library, load_library
from pretraining.small_network import Recipe, train_pool

ENUMERATED = 9
"""Pools of up to this many datasets are trained on every combination."""
SAMPLED = 384
"""How many mixtures of a larger pool are trained."""
DEV_ROWS = 200
WORK = 60_000
"""At most about how many steps (all runs together) a pool may cost."""


@dataclass(frozen=True)
class Pool:
    """One pool as drawn: its datasets and how every mixture is trained.

    `growing` budgets grow with the rows, others are fixed; `equal` shows all datasets equally often, else in proportion
    to their rows. Noised datasets have part of their answers shuffled; a copy is another's double.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    growing: bool
    equal: bool
    amount: float  # passes if growing, else steps
    batch: int
    rate: float
    hidden: int
    levels: int
    noised: tuple[float, ...]  # share of answers shuffled, by dataset
    copies: tuple[int, ...]  # the dataset each one is a copy of, or itself
    seed: int


def draw_pool(library: Library, seed: int) -> Pool:
    """Draws the pool of a seed; budgets, sizes and rates spread so that both regimes and much noise occur."""
    rng = np.random.default_rng([20261125, seed])
    names = sorted(library.datasets)
    count = int(rng.integers(5, ENUMERATED + 1)) if rng.random() < 0.75 else int(rng.integers(10, 25))
    if rng.random() < 0.4 and count <= ENUMERATED:
        answers = {name: len(np.unique(library.datasets[name].train_y)) for name in names}
        few = [name for name in names if answers[name] <= 10]
        names = (
            few if rng.random() < 0.5 else names[: len(names) // 2] if rng.random() < 0.5 else names[len(names) // 2 :]
        )
        count = min(count, len(names))
    chosen = tuple(str(name) for name in rng.choice(names, count, replace=False))
    typical = np.exp(rng.uniform(np.log(40), np.log(400)))
    rows = np.exp(np.log(typical) + rng.choice([0.0, 0.7]) * rng.standard_normal(count))
    growing = bool(rng.random() < 0.5)
    noised = np.where(rng.random(count) < rng.choice([0, 0, 0.2]), rng.uniform(0.2, 1, count), 0.0)
    copies = np.arange(count)
    if rng.random() < 0.2:
        copies[rng.permutation(count)[: count // 3]] = rng.integers(count, size=count // 3)
    return Pool(
        names=chosen,
        rows=tuple(int(size) for size in rows.clip(16, 500)),
        growing=growing,
        equal=bool(rng.random() < 0.5),
        amount=float(rng.choice([0.5, 1, 2, 4]) if growing else rng.choice([20, 40, 80, 160])),
        batch=int(rng.choice([4, 8, 16])),
        rate=float(np.exp(rng.uniform(np.log(2e-3), np.log(6e-2)))),
        hidden=int(rng.choice([16, 32, 64])),
        levels=int(rng.choice([1, 1, 1, 3])),
        noised=tuple(float(share) for share in noised),
        copies=tuple(int(copies[task] if copies[copies[task]] == copies[task] else task) for task in range(count)),
        seed=seed,
    )


def mixtures(pool: Pool) -> NDArray[np.int64]:
    """Gives the parts [run, task] of the mixtures to train: all combinations of a small pool, else a sample.

    A sample holds each dataset alone, all of them, all but one, and mixtures whose sizes are spread evenly.
    """
    n = len(pool.names)
    if n <= ENUMERATED and pool.levels == 1:
        return (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
    rng = np.random.default_rng([pool.seed, 1])
    inside = rng.random((4 * SAMPLED, n)) < rng.random((4 * SAMPLED, 1))
    parts = inside * rng.integers(1, pool.levels + 1, inside.shape)
    one = np.eye(n, dtype=np.int64)
    parts = np.concatenate([one, np.ones((1, n), dtype=np.int64), 1 - one, parts])
    parts = parts[parts.any(axis=1)]
    parts = parts // np.gcd.reduce(parts, axis=1, keepdims=True)
    _, first = np.unique(parts, axis=0, return_index=True)
    return parts[np.sort(first)][:SAMPLED]


def train(pool: Pool, library: Library, points: int = 0) -> dict[str, NDArray[np.generic]]:
    """Gives `names`, `parts`, `nll` and `em` (accuracy) of the pool's mixtures [run, task], and how it was drawn.

    Where parts are all equal, `mask` makes it a table that `benchmarks.search` reads. With `points` it has learning
    curves as `cotune exhaust` writes them, after 1/2, 1/4, ... of the steps.
    """
    parts, rows = mixtures(pool), _datasets(pool, library)
    sizes = np.array([len(one.train_y) for one in rows])
    seen = parts / parts.max(axis=1, keepdims=True) * sizes  # [run, task], rows
    shares = parts / parts.sum(axis=1, keepdims=True) if pool.equal else seen / seen.sum(axis=1, keepdims=True)
    passes = pool.amount * seen.sum(axis=1) / pool.batch
    steps = passes if pool.growing else np.full(len(parts), pool.amount)
    steps = steps * min(1.0, WORK / steps.sum())
    recipe = Recipe(steps.round().clip(1).astype(int), shares, pool.batch, pool.rate, pool.hidden, pool.seed)
    fractions = [2.0**-point for point in range(points, 0, -1)]
    nll, em, curve = train_pool(rows, library.labels, recipe, fractions)
    names = np.array([f"{index}_{name}" for index, name in enumerate(pool.names)])
    found = {"names": names, "parts": parts, "nll": nll, "em": em, "args": np.array(json.dumps(asdict(pool)))}
    if points:
        found |= {"fractions": np.array(fractions), "nll_curve": curve[None]}  # [seed, run, point, task]
    return found if pool.levels > 1 else found | {"mask": parts @ (1 << np.arange(parts.shape[1]))}


def _datasets(pool: Pool, library: Library) -> list[Rows]:
    found = []
    for task, origin in enumerate(pool.copies):
        rng = np.random.default_rng([pool.seed, 2, origin])
        rows = library.datasets[pool.names[origin]]
        kept = rng.permutation(len(rows.train_y))[: pool.rows[origin]]
        answers = rows.train_y[kept]
        wrong = rng.random(len(answers)) < pool.noised[task]
        answers[wrong] = rng.permutation(answers[wrong])
        dev = slice(DEV_ROWS)
        found.append(
            replace(rows, train_x=rows.train_x[kept], train_y=answers, dev_x=rows.dev_x[dev], dev_y=rows.dev_y[dev])
        )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains the pools that the command line asks for; those that are there already are left."""
    parser = argparse.ArgumentParser(prog="python -m pretraining.pools", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of datasets, as ../shared/data")
    parser.add_argument("--out", type=Path, required=True, help="folder of pools")
    parser.add_argument("--first", type=int, default=0, help="seed of the first pool")
    parser.add_argument("--count", type=int, default=1000, help="how many pools")
    parser.add_argument("--curve", type=int, default=0, help="points of a learning curve, each at half of the next")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    stored = options.out / "rows.npz"
    if not stored.exists():
        build_library(options.data).save(stored)
    library = load_library(stored)
    for seed in range(options.first, options.first + options.count):
        path = options.out / f"pool-{seed:05d}.npz"
        if not path.exists():
            np.savez(path, **train(draw_pool(library, seed), library, options.curve))


if __name__ == "__main__":
    main()
