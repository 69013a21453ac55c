"""Last hidden states: what a row's own prompt becomes, as one vector."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from cotune.training.example import Example


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


def own_prompt(example: Example) -> range:
    """Gives the positions of the prompt that its task's rows do not have in common; the last one if there are none."""
    last = len(example.prompt) - 1
    return range(min(example.cuts[0] if example.cuts else 0, last), last + 1)
