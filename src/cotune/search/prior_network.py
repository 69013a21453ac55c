"""The network that was trained beforehand, run in NumPy: known runs once, then any number of mixtures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

HEADS = 2
EPSILON = 1e-5
"""What layer normalisation adds to the variance."""


@cache
def shipped_weights() -> Mapping[str, Array]:
    """Gives the weights that the package carries; `pretraining/README.md` says how they were made."""
    with files("cotune.search").joinpath("prior_network.npz").open("rb") as file, np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


@dataclass(frozen=True)
class Memory:
    """What the network keeps of the known runs: keys and values [task, head, run, width] of every block."""

    blocks: tuple[tuple[Array, Array], ...]


def remember(weights: Mapping[str, Array], cells: Array) -> Memory:
    """Gives what `locate` needs of the known runs' `cells` [run, task, feature]."""
    x, found = _embed(weights, cells), []
    for block in range(_depth(weights)):
        x = x + _among_tasks(weights, block, x)
        query, key, value = _project(weights, block, 1, x.swapaxes(0, 1))
        found.append((key, value))
        x = x + _mixed(weights, block, 1, query, key, value).swapaxes(0, 1)
        x = x + _widened(weights, block, x)
    return Memory(tuple(found))


def locate(weights: Mapping[str, Array], memory: Memory, cells: Array, target: int) -> tuple[Array, Array]:
    """Gives location and scale [run] of what runs with `cells` [run, task, feature] score on the task `target`."""
    x = _embed(weights, cells)
    for block, (key, value) in enumerate(memory.blocks):
        x = x + _among_tasks(weights, block, x)
        query, _, _ = _project(weights, block, 1, x.swapaxes(0, 1))
        x = x + _mixed(weights, block, 1, query, key, value).swapaxes(0, 1)
        x = x + _widened(weights, block, x)
    pooled = np.concatenate([x.mean(axis=1), x[:, target]], axis=1)  # [run, 2 * width]
    hidden = _relu(_linear(weights, "head.0", _normal(weights, "norm", pooled)))
    place, log_scale = _linear(weights, "head.1", hidden).T
    return place, np.exp(log_scale.clip(-4, 2))


def _depth(weights: Mapping[str, Array]) -> int:
    return sum(name.endswith("up.weight") for name in weights)


def _embed(weights: Mapping[str, Array], cells: NDArray[np.float32]) -> Array:
    return _linear(weights, "embed.1", _relu(_linear(weights, "embed.0", cells)))


def _among_tasks(weights: Mapping[str, Array], block: int, x: Array) -> Array:
    return _mixed(weights, block, 0, *_project(weights, block, 0, x))


def _project(weights: Mapping[str, Array], block: int, which: int, x: Array) -> tuple[Array, Array, Array]:
    """Gives queries, keys and values [group, head, place, width] of `x` [group, place, width]."""
    inner = _linear(weights, f"blocks.{block}.ins.{which}", _normal(weights, f"blocks.{block}.norms.{which}", x))
    groups, places, width = inner.shape
    split = inner.reshape(groups, places, 3, HEADS, width // (3 * HEADS)).transpose(2, 0, 3, 1, 4)
    return split[0], split[1], split[2]


def _mixed(weights: Mapping[str, Array], block: int, which: int, query: Array, key: Array, value: Array) -> Array:
    """Gives what the places of `query` [group, head, place, width] draw from keys and values."""
    score = query @ key.swapaxes(2, 3) / np.sqrt(query.shape[3])  # [group, head, place, place]
    score = np.exp(score - score.max(axis=3, keepdims=True))
    drawn = (score @ value) / score.sum(axis=3, keepdims=True)  # [group, head, place, width]
    groups, heads, places, width = drawn.shape
    together = drawn.transpose(0, 2, 1, 3).reshape(groups, places, heads * width)
    return _linear(weights, f"blocks.{block}.outs.{which}", together)


def _widened(weights: Mapping[str, Array], block: int, x: Array) -> Array:
    hidden = _relu(_linear(weights, f"blocks.{block}.up", _normal(weights, f"blocks.{block}.norms.2", x)))
    return _linear(weights, f"blocks.{block}.down", hidden)


def _linear(weights: Mapping[str, Array], name: str, x: Array) -> Array:
    out = x @ weights[f"{name}.weight"].T
    bias = f"{name}.bias"
    return np.asarray(out + weights[bias] if bias in weights else out)


def _normal(weights: Mapping[str, Array], name: str, x: Array) -> Array:
    away = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((away**2).mean(axis=-1, keepdims=True) + EPSILON)
    return np.asarray(away / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)
