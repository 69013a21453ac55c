"""Last hidden states of a model's passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


@contextmanager
def listening(module: PreTrainedModel) -> Iterator[list[torch.Tensor]]:
    """Fills a list with the last hidden states of each pass inside, [row, column, hidden], with their graphs."""
    heard: list[torch.Tensor] = []

    def keep(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        heard.append(output.last_hidden_state)

    handle = module.get_decoder().register_forward_hook(keep)
    try:
        yield heard
    finally:
        handle.remove()
