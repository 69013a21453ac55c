"""The network that was trained beforehand, run in NumPy: known runs once, then any number of mixtures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cotune.search.prior_weights import HEADS, Block, Layer, Network

Array = NDArray[np.float32]

EPSILON = 1e-5
"""What layer normalisation adds to the variance."""
SAFE = 60.0
"""The exponentials of scores within this bound, and their sums, are far from both ends of 32-bit numbers."""


@dataclass(frozen=True)
class Memory:
    """What the network keeps of the known runs: keys and values [task, head, run, width] of every block."""

    blocks: tuple[tuple[Array, Array], ...]


def remember(network: Network, cells: Array) -> Memory:
    """Gives what `locate` needs of the known runs' `cells` [run, task, feature]."""
    x, found = _embed(network, cells), []
    for block in network.blocks:
        _attend_among_tasks(block, x)
        query, key, value = _by_task(block.ins[1], x)
        found.append((np.ascontiguousarray(key), np.ascontiguousarray(value)))
        _attend_among_runs(block, x, query, *found[-1])
        _widen(block, x)
    return Memory(tuple(found))


def locate(network: Network, memory: Memory, cells: Array, target: int) -> tuple[Array, Array]:
    """Gives location and scale [run] of what runs with `cells` [run, task, feature] score on the task `target`.

    Fastest for a few thousand cells at a time, whose arrays fit a processor's cache.
    """
    x = _embed(network, cells)
    for block, (key, value) in zip(network.blocks, memory.blocks, strict=True):
        _attend_among_tasks(block, x)
        (query,) = _by_task(block.query, x)
        _attend_among_runs(block, x, query, key, value)
        _widen(block, x)
    pooled = np.concatenate([x.mean(axis=1), x[:, target]], axis=1)  # [run, 2 * width]
    place, log_scale = network.head[1](_relu(network.head[0](_normal(pooled)))).T
    return place, np.exp(log_scale.clip(-4, 2))


def _embed(network: Network, cells: Array) -> Array:
    """Gives states [run, task, width], which the blocks then change in place."""
    rows = cells.reshape(-1, cells.shape[2])
    return network.embed[1](_relu(network.embed[0](rows))).reshape(*cells.shape[:2], -1)


def _attend_among_tasks(block: Block, x: Array) -> None:
    inner = block.ins[0](_normal(_rows(x))).reshape(*x.shape[:2], 3, HEADS, -1)
    drawn = _mixed(*inner.transpose(2, 0, 3, 1, 4))  # [run, head, task, width]
    _add(x, block.outs[0], drawn.transpose(0, 2, 1, 3))


def _attend_among_runs(block: Block, x: Array, query: Array, key: Array, value: Array) -> None:
    drawn = _mixed(query, key, value)  # [task, head, run, width]
    _add(x, block.outs[1], drawn.transpose(2, 0, 1, 3))


def _by_task(layer: Layer, x: Array) -> Array:
    """Gives what `layer` makes of the states, each part [task, head, run, width] of it."""
    return layer(_normal(_rows(x))).reshape(*x.shape[:2], -1, HEADS, x.shape[2] // HEADS).transpose(2, 1, 3, 0, 4)


def _mixed(query: Array, key: Array, value: Array) -> Array:
    """Gives what the places of `query` [group, head, place, width] draw from keys and values."""
    score = query @ key.swapaxes(2, 3)  # [group, head, place, place]
    if score.max() > SAFE or score.min() < -SAFE:
        score -= score.max(axis=3, keepdims=True)
    np.exp(score, out=score)
    total = score @ np.ones((score.shape[3], 1), dtype=np.float32)  # a product is faster than a sum of short rows
    return np.asarray((score @ value) / total)


def _widen(block: Block, x: Array) -> None:
    _add(x, block.down, _relu(block.up(_normal(_rows(x)))))


def _add(x: Array, layer: Layer, inner: Array) -> None:
    """Adds to the states what `layer` makes of `inner` [run, task, ...]."""
    x += layer(inner.reshape(x.shape[0] * x.shape[1], -1)).reshape(x.shape)


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[2])


def _normal(x: Array) -> Array:
    """Gives rows [row, width] with mean 0 and variance 1, by products, which are faster than sums of short rows."""
    width = x.shape[1]
    away = x - x @ np.full((width, 1), 1 / width, dtype=np.float32)
    variance = np.einsum("rw,rw->r", away, away) / width
    away /= np.sqrt(variance + EPSILON)[:, None]
    return np.asarray(away)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0, out=x)
