"""Attention in a pass over a pack of nodes: the model's own, called once for each node, over the node's line only."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import nn

from cotune.training.attention import attending, attention_of
from cotune.training.forest import Node
from cotune.training.model import LanguageModel

Before = Callable[[Sequence[Node]], torch.Tensor]
"""Gives the past of a line from the root on, [layer, key or value, head, token, width]."""


class NodeAttention:
    """Stands in for a model's attention in a pass over a pack: each node looks at its own line only.

    `bounds` are the first column and the one after the last of each node.
    """

    def __init__(self, pack: Sequence[Node], before: Before, model: LanguageModel) -> None:
        self._model, self._attend = model, attention_of(model)
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.bounds = list(pairwise(accumulate((len(node.ids) for node in pack), initial=0)))
        bounds = dict(zip(pack, self.bounds, strict=True))
        self._spans = [_Span.of(node, bounds, before, mask_of(node, model)) for node in pack]

    def in_place(self) -> AbstractContextManager[None]:
        """Has the model call it."""
        return attending(self._model, self)

    def __call__(
        self, module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: object, **more: object
    ) -> tuple[torch.Tensor, None]:
        """Gives the layer's outputs, [1, token, head, width], from its query, key and value [1, head, token, width]."""
        layer = len(self._kept)
        self._kept.append((key, value))
        outputs = []
        for span in self._spans:
            keys, values = span.line(layer, key, value)
            mask = span.mask.to(key.device)
            outputs.append(self._attend(module, query[:, :, span.start : span.end], keys, values, mask, **more)[0])
        return torch.cat(outputs, dim=1), None

    def pasts(self) -> list[torch.Tensor]:
        """Gives the keys and values of each node, [layer, key or value, head, token, width]."""
        device = self._kept[0][0].device
        whole = torch.stack([torch.cat(layer).to(device) for layer in self._kept])
        return [whole[..., start:end, :].clone() for start, end in self.bounds]


@dataclass(frozen=True)
class _Span:
    """Where a node lies in a pack, and what it sees: a past, columns of ancestors in the pack, its own."""

    start: int
    end: int
    outside: torch.Tensor | None  # [layer, key or value, head, token, width]
    inside: tuple[tuple[int, int], ...]
    mask: torch.Tensor  # [1, 1, token, token of the line]

    @classmethod
    def of(cls, node: Node, bounds: dict[Node, tuple[int, int]], before: Before, mask: torch.Tensor) -> "_Span":
        above = node.line[:-1]
        first = len(above)
        while first and above[first - 1] in bounds:
            first -= 1
        outside = before(above[:first]) if first else None
        return cls(*bounds[node], outside, tuple(bounds[each] for each in above[first:]), mask)

    def line(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives the keys and values of a node's line in one layer, [1, head, token, width] each."""
        if self.outside is None and not self.inside:
            return key[:, :, self.start : self.end], value[:, :, self.start : self.end]
        spans = (*self.inside, (self.start, self.end))
        keys, values = ([part[:, :, start:end] for start, end in spans] for part in (key, value))
        if self.outside is not None:
            above = self.outside[layer].to(key.device)
            keys, values = [above[:1], *keys], [above[1:], *values]
        return torch.cat(keys, dim=2), torch.cat(values, dim=2)


def mask_of(node: Node, model: LanguageModel) -> torch.Tensor:
    """Lets each token of a node see its ancestors and its own past, [1, 1, token, token of the line]."""
    shape = (len(node.ids), node.start + len(node.ids))
    mask = torch.full(shape, torch.finfo(model.dtype).min, dtype=model.dtype, device=model.device)
    return mask.triu_(node.start + 1)[None, None]
