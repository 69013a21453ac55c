"""Attention over a forest in blocks: a block of columns looks at itself and its ancestors, not at the whole pack.

A pack's rows see little of each other, so most of [token, token] is hidden. A CPU's kernel computes it all the same; in
blocks it computes less of it. Used on a CPU alone: it was not measured on a GPU.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from cotune.training.attention import Attend, attending, attention_of
from cotune.training.forest import Forest
from cotune.training.model import LanguageModel

BLOCK_TOKENS = 128


@dataclass(frozen=True)
class Block:
    """Columns `start` to `end` of a pack, what lies before them that they see, and the mask of both."""

    start: int
    end: int
    before: tuple[tuple[int, int], ...]
    mask: torch.Tensor  # [1, 1, token of the block, token seen]


def in_blocks(model: LanguageModel, forest: Forest, *, first: int) -> AbstractContextManager[None]:
    """Has a pass over `forest` attend in blocks, where that is faster: on a CPU, with layers from `first` on as usual.

    Layers that are compiled, checkpointed or moved by accelerate are not.
    """
    tokens = forest.ids.shape[1]
    stood_in = any("forward" in vars(layer) for layer in model.layers[first:])  # recomputed they would be without it
    if model.device.type != "cpu" or tokens < 2 * BLOCK_TOKENS or stood_in:
        return nullcontext()
    return attending(model, _attention(attention_of(model), blocks(forest)))


def blocks(forest: Forest) -> list[Block]:
    """Splits a forest into blocks of whole nodes, each of at least `BLOCK_TOKENS` where that many are left."""
    sizes = [len(node.ids) for node in forest.nodes]
    cuts, size = [0], 0
    for place, count in enumerate(sizes):
        size += count
        if size >= BLOCK_TOKENS and sum(sizes[place + 1 :]) >= BLOCK_TOKENS:
            cuts.append(cuts[-1] + size)
            size = 0
    cuts.append(sum(sizes))
    return [_block(forest, start, end) for start, end in pairwise(cuts)]


def _block(forest: Forest, start: int, end: int) -> Block:
    rows = forest.mask[0, 0, start:end]
    seen = (rows[:, :start] == 0).any(dim=0).tolist()
    edges = [
        place for place in range(start + 1) if (seen[place - 1] if place else False) != (place < start and seen[place])
    ]
    before = tuple(zip(edges[::2], edges[1::2], strict=True))
    parts = [rows[:, first:last] for first, last in (*before, (start, end))]
    return Block(start, end, before, torch.cat(parts, dim=1)[None, None])


def _attention(attend: Attend, found: Sequence[Block]) -> Attend:
    """Gives an attention that goes block by block."""
    sizes = [block.end - block.start for block in found]

    def run(
        module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: object, **more: object
    ) -> tuple[torch.Tensor, None]:
        queries, keys, values = (part.split(sizes, dim=2) for part in (query, key, value))
        outputs = []
        for place, block in enumerate(found):
            line = (_line(whole, block, own[place]) for whole, own in ((key, keys), (value, values)))
            outputs.append(attend(module, queries[place], *line, block.mask, **more)[0])
        return torch.cat(outputs, dim=1), None

    return run


def _line(whole: torch.Tensor, block: Block, own: torch.Tensor) -> torch.Tensor:
    """Gives keys or values that a block sees, [1, head, token, width]."""
    if not block.before:
        return own
    return torch.cat([*(whole[:, :, first:last] for first, last in block.before), own], dim=2)
