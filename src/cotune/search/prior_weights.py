"""The weights of the network that was trained beforehand, arranged for inference in NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

HEADS = 2


@dataclass(frozen=True)
class Layer:
    """A linear map: `x @ weight + bias`."""

    weight: Array  # [in, out]
    bias: Array  # [out]

    def __call__(self, x: Array) -> Array:
        """Gives the images [row, out] of `x` [row, in]."""
        out = x @ self.weight
        out += self.bias
        return np.asarray(out)


@dataclass(frozen=True)
class Block:
    """Attention among the datasets of a run, then among runs (`ins` gives queries, keys and values), then two layers.

    What a layer normalisation multiplies and adds is folded into the layer that follows it, the scale of attention into
    the queries.
    """

    ins: tuple[Layer, Layer]  # [width, 3 * width]
    outs: tuple[Layer, Layer]  # [width, width]
    up: Layer
    down: Layer

    @property
    def query(self) -> Layer:
        """The part of `ins` that gives queries among runs [width, width]."""
        among_runs, width = self.ins[1], len(self.ins[1].weight)
        return Layer(among_runs.weight[:, :width], among_runs.bias[:width])


@dataclass(frozen=True)
class Network:
    """All weights; the last normalisation is folded into the first layer of `head`."""

    embed: tuple[Layer, Layer]
    blocks: tuple[Block, ...]
    head: tuple[Layer, Layer]


@cache
def shipped_network() -> Network:
    """Gives the network that the package carries; `pretraining/README.md` says how it was made."""
    with files("cotune.search").joinpath("prior_network.npz").open("rb") as file, np.load(file) as arrays:
        return arranged({name: arrays[name] for name in arrays.files})


def arranged(arrays: Mapping[str, Array]) -> Network:
    """Gives the network of `arrays`, named and shaped as in `pretraining/network.py`."""
    depth = sum(name.endswith("up.weight") for name in arrays)
    return Network(
        (_layer(arrays, "embed.0"), _layer(arrays, "embed.1")),
        tuple(_block(arrays, f"blocks.{number}") for number in range(depth)),
        (_layer(arrays, "head.0", "norm"), _layer(arrays, "head.1")),
    )


def _block(arrays: Mapping[str, Array], name: str) -> Block:
    ins = [_asking(_layer(arrays, f"{name}.ins.{which}", f"{name}.norms.{which}")) for which in (0, 1)]
    outs = [_layer(arrays, f"{name}.outs.{which}") for which in (0, 1)]
    up, down = _layer(arrays, f"{name}.up", f"{name}.norms.2"), _layer(arrays, f"{name}.down")
    return Block((ins[0], ins[1]), (outs[0], outs[1]), up, down)


def _layer(arrays: Mapping[str, Array], name: str, norm: str = "") -> Layer:
    """Gives a layer, with what the normalisation `norm` before it multiplies and adds."""
    weight = arrays[f"{name}.weight"].T  # [in, out]
    bias = arrays.get(f"{name}.bias", np.zeros(weight.shape[1], dtype=np.float32))
    if norm:
        bias = bias + arrays[f"{norm}.bias"] @ weight
        weight = arrays[f"{norm}.weight"][:, None] * weight
    return Layer(np.ascontiguousarray(weight), bias)


def _asking(layer: Layer) -> Layer:
    """Gives a layer of queries, keys and values whose queries are divided by the root of a head's width."""
    width = len(layer.weight)
    scale = np.ones(3 * width, dtype=np.float32)
    scale[:width] = 1 / np.sqrt(width // HEADS)
    return Layer(layer.weight * scale, layer.bias * scale)
