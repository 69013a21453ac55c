"""Forests: token sequences that share their beginnings, laid out in one row without padding or repetition.

A node holds a run of tokens and knows the tokens before it. Rows of one task share the node of their instruction, the
labels of one row share the node of its prompt. A token sees its ancestors and its own past, so that each path through
the forest computes what the whole sequence alone would. The last token of an answer is left out: nothing comes after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from cotune.training.example import Example

PACK_TOKENS = 1024
"""Tokens that run together where memory allows."""


@dataclass(frozen=True)
class Node:
    """A run of tokens after those of its parent; two nodes with the same tokens, scale and ancestors are the same."""

    parent: "Node | None"
    ids: tuple[int, ...]
    scale: float = 1.0

    @property
    def line(self) -> tuple["Node", ...]:
        """Its ancestors from the root on, and itself."""
        return (self,) if self.parent is None else (*self.parent.line, self)

    @property
    def start(self) -> int:
        """How many tokens come before it."""
        return 0 if self.parent is None else self.parent.start + len(self.parent.ids)


def leaf(example: Example) -> Node:
    """Gives the last node of `example`; its line is cut where other examples may branch off."""
    ids, node = example.inputs, None
    edges = sorted({0, *(cut for cut in example.cuts if 0 < cut < len(ids)), len(ids)})
    for start, end in pairwise(edges):
        node = Node(node, ids[start:end], example.scale if end > example.own.start else 1.0)
    if node is None:
        raise ValueError(f"Row {example.id!r} of {example.task!r} has no tokens.")
    return node


@dataclass(frozen=True)
class Layout:
    """Distinct nodes side by side, each parent before its children; `places` gives each path's columns."""

    nodes: tuple[Node, ...]
    ids: list[int]  # [token]
    positions: list[int]  # [token]
    owner: np.ndarray  # [token] -> node
    ancestors: np.ndarray  # [node, node]: whether the second is the first or comes before it
    places: tuple[tuple[int, ...], ...]  # [example][position] -> column


@dataclass(frozen=True)
class Forest:
    """A layout with the tensors that a decoder needs; `mask` is 0 where a token may look, else the least number."""

    nodes: tuple[Node, ...]
    ids: torch.Tensor  # [1, token]
    positions: torch.Tensor  # [1, token]
    mask: torch.Tensor  # [1, 1, token, token]
    places: tuple[tuple[int, ...], ...]  # [example][position] -> column


def lay_out(examples: Sequence[Example]) -> Layout:
    """Gives the layout of the forest of `examples`."""
    lines = [leaf(example).line for example in examples]
    nodes = tuple(dict.fromkeys(node for line in lines for node in line))
    starts = np.cumsum([0, *(len(node.ids) for node in nodes)])
    index = {node: number for number, node in enumerate(nodes)}
    ancestors = np.eye(len(nodes), dtype=bool)  # [node, node]
    for line in lines:
        for depth, node in enumerate(line):
            ancestors[index[node], [index[above] for above in line[:depth]]] = True
    columns = {node: range(start, end) for node, (start, end) in zip(nodes, pairwise(starts.tolist()), strict=True)}
    places = tuple(tuple(column for node in line for column in columns[node]) for line in lines)
    return Layout(
        nodes,
        [token for node in nodes for token in node.ids],
        [position for node in nodes for position in range(node.start, node.start + len(node.ids))],
        np.repeat(np.arange(len(nodes)), np.diff(starts)),
        ancestors,
        places,
    )


def plant(examples: Sequence[Example], *, device: torch.device, dtype: torch.dtype) -> Forest:
    """Gives the forest of `examples`."""
    made = lay_out(examples)
    seen = np.tril(made.ancestors[made.owner][:, made.owner])  # [token, token]
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(torch.from_numpy(~seen), torch.finfo(dtype).min)
    return Forest(
        made.nodes,
        torch.tensor([made.ids], device=device),
        torch.tensor([made.positions], device=device),
        mask[None, None].to(device),
        made.places,
    )


def tokens_of(examples: Iterable[Example]) -> int:
    """Gives how many tokens the forest of `examples` holds."""
    return sum(len(node.ids) for node in {node for example in examples for node in leaf(example).line})


def packs(examples: Iterable[Example], limit: int) -> list[list[Example]]:
    """Splits `examples`, in order, into runs with forests of at most `limit` tokens; an example alone may have more."""
    runs: list[list[Example]] = []
    known: set[Node] = set()
    size = 0
    for example in examples:
        nodes = leaf(example).line
        added = sum(len(node.ids) for node in nodes if node not in known)
        if not runs or size + added > limit:
            runs.append([])
            known, size = set(), 0
            added = sum(len(node.ids) for node in nodes)
        runs[-1].append(example)
        known.update(nodes)
        size += added
    return runs
