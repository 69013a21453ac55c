"""Keys and values of tokens that a decoder has seen, in a buffer with room for those to come."""

from typing import Any

import torch
from transformers import DynamicCache


class Past(DynamicCache):  # type: ignore[misc]  # transformers is untyped here
    """Keys and values of `count` layers from layer `first` on; `filled` of `columns` count.

    A layer that is called writes its new columns after the filled ones and is given both. `filled` moves when the
    caller says so, once all layers were called. (DynamicCache copies everything it holds at each token.)
    """

    buffer: torch.Tensor  # [layer, key or value, row, head, column, width]

    def __init__(self, *, first: int, count: int, columns: int) -> None:
        super().__init__()
        self.first = first
        self.count = count
        self.columns = columns
        self.filled = 0
        self._is_made = False

    def make(self, like: torch.Tensor, rows: int) -> None:
        """Makes room for `rows` rows of states like `like`, [..., head, column, width]; what is not filled is zero."""
        heads, width = like.shape[-3], like.shape[-1]
        self.buffer = like.new_zeros(self.count, 2, rows, heads, self.columns, width)
        self._is_made = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes one layer's new columns and gives all of its keys and values, each [row, head, column, width]."""
        if not self._is_made:
            self.make(key_states, len(key_states))
        end = self.filled + key_states.shape[-2]
        keys, values = self.buffer[layer_idx - self.first]
        keys[:, :, self.filled : end] = key_states
        values[:, :, self.filled : end] = value_states
        return keys[:, :, :end].to(key_states.device), values[:, :, :end].to(key_states.device)  # of a split model

    def get_seq_length(self, *_: Any) -> int:
        """Gives the number of columns that count."""
        return self.filled
