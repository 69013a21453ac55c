"""Filling: what the frozen layers give for new nodes, many of them in one pass.

The linear layers see the tokens of all nodes of a pack; attention runs node by node, each over its own line. So a node
gets what it would get alone: to the bit where a matrix product gives a row the same whatever rows are beside it. On one
thread of a CPU that is asked for, and a probe looks whether it is so; elsewhere it holds up to rounding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from cotune.training.cut import below
from cotune.training.errors import UNFIT
from cotune.training.forest import PACK_TOKENS, Node
from cotune.training.model import LanguageModel
from cotune.training.node_attention import Before, NodeAttention, mask_of
from cotune.training.past import Past

LEAST_TOKENS = 16
"""Of a pass; fillers make up the rest. A product of fewer rows may use another kernel, which sums in another order
(MKL on one thread does)."""


@dataclass(frozen=True)
class Given:
    """What the frozen layers give for a node: states [token, width], past [layer, key or value, head, token, width]."""

    states: torch.Tensor
    past: torch.Tensor


class Filling:
    """Runs nodes through the lowest `depth` layers of a model."""

    def __init__(self, model: LanguageModel, depth: int) -> None:
        self._model, self._depth = model, depth
        self._layers = model.layers

    def packs(self, nodes: Sequence[Node]) -> Iterator[list[Node]]:
        """Splits `nodes`, in order, into those that run together."""
        pack: list[Node] = []
        size = 0
        for node in nodes:
            size += len(node.ids)
            if pack and size > self._limit:
                yield pack
                pack, size = [], len(node.ids)
            pack.append(node)
        if pack:
            yield pack

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def run(self, pack: Sequence[Node], before: Before) -> list[Given]:
        """Gives what the layers give for each node of a pack; `before` for the ancestors that are not in it."""
        return self._together(pack, before) if self._fits else [self._alone(node, before) for node in pack]

    @cached_property
    def _fits(self) -> bool:
        """Whether the model's attention can be called node by node: a probe shows that it gives the same."""
        nodes = _probe(self._model)[:2]
        try:
            with torch.no_grad():
                found = self._together(nodes, _nothing)[1].states
                plain = self._alone(nodes[1], lambda line: self._alone(line[0], _nothing).past).states
        except UNFIT:
            return False
        return float((found - plain).abs().max() / plain.abs().max().clamp(min=1)) <= self._model.tolerance

    @cached_property
    def _limit(self) -> int:
        """How many tokens run together; one node where it would give other bits together than alone.

        The lowest layer tells of all: its products have the shapes of the others'.
        """
        if not self._fits:
            return 0
        if self._model.device.type != "cpu" or torch.get_num_threads() > 1:
            return PACK_TOKENS
        nodes, lowest = _probe(self._model), Filling(self._model, 1)
        known: dict[Node, torch.Tensor] = {}
        for node, given in zip(nodes, lowest.run(nodes, _nothing), strict=True):
            (alone,) = lowest.run([node], lambda line: torch.cat([known[each] for each in line], dim=3))
            known[node] = alone.past
            if not (torch.equal(given.states, alone.states) and torch.equal(given.past, alone.past)):
                return 0
        return PACK_TOKENS

    def _together(self, pack: Sequence[Node], before: Before) -> list[Given]:
        """Runs a pack in one pass, filled up to the least number of tokens."""
        model = self._model
        short = LEAST_TOKENS - sum(len(node.ids) for node in pack)
        full = [*pack, Node(None, (0,) * short)] if short > 0 else list(pack)
        attention = NodeAttention(full, before, model)
        with below(self._layers, self._depth) as given, attention.in_place():
            model.module.base_model(
                input_ids=torch.tensor([[token for node in full for token in node.ids]], device=model.device),
                position_ids=torch.tensor([_positions(full)], device=model.device),
                attention_mask=torch.zeros(1, 1, 1, 1, dtype=model.dtype, device=model.device),  # its own are used
                use_cache=False,
            )
        states, pasts = given[0][0].to(model.device), attention.pasts()
        return [
            Given(states[start:end].clone(), past)
            for (start, end), past in zip(attention.bounds[: len(pack)], pasts, strict=False)
        ]

    def _alone(self, node: Node, before: Before) -> Given:
        """Runs one node with the model's own attention, after the past of its line."""
        model, end = self._model, node.start + len(node.ids)
        past = Past(first=0, count=self._depth, columns=end)
        if node.parent is not None:
            line = before(node.parent.line)
            past.make(line, 1)
            past.buffer[:, :, 0, :, : node.start] = line
            past.filled = node.start
        with below(self._layers, self._depth) as given:
            model.module.base_model(
                input_ids=torch.tensor([node.ids], device=model.device),
                position_ids=torch.tensor([_positions([node])], device=model.device),
                attention_mask=mask_of(node, model),
                past_key_values=past,
                use_cache=True,
            )
        return Given(given[0][0].to(model.device), past.buffer[:, :, 0, :, node.start :].clone())


def _positions(nodes: Sequence[Node]) -> list[int]:
    return [position for node in nodes for position in range(node.start, node.start + len(node.ids))]


def _nothing(line: Sequence[Node]) -> torch.Tensor:
    raise ValueError(f"The ancestors of these {len(line)} nodes are in their pack.")


def _probe(model: LanguageModel) -> tuple[Node, ...]:
    """Gives a node, a child of it, and eight others; together a full pack."""
    size = model.module.get_input_embeddings().num_embeddings
    ids = [(7 * index + 5) % size for index in range(PACK_TOKENS)]
    root = Node(None, tuple(ids[:9]))
    others = [Node(None, tuple(ids[start : start + 62])) for start in range(16, PACK_TOKENS, 62)]
    return (root, Node(root, tuple(ids[9:16])), *others)
