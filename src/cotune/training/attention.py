"""The attention that transformers calls by a name, for a while another one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from cotune.training.model import LanguageModel

Attend = Callable[..., tuple[torch.Tensor, object]]
"""Gives outputs [row, token, head, width] from a module, query, key and value [row, head, token, width] and a mask."""


def attention_of(model: LanguageModel) -> Attend:
    """Gives the attention that a model calls."""
    attend: Attend = ALL_ATTENTION_FUNCTIONS[_name(model)]
    return attend


@contextmanager
def attending(model: LanguageModel, other: Attend) -> Iterator[None]:
    """Has a model call another attention inside."""
    name, own = _name(model), attention_of(model)
    ALL_ATTENTION_FUNCTIONS[name] = other
    try:
        yield
    finally:
        del ALL_ATTENTION_FUNCTIONS[name]  # what transformers itself has by this name is seen again
        if ALL_ATTENTION_FUNCTIONS[name] is not own:
            ALL_ATTENTION_FUNCTIONS[name] = own


def _name(model: LanguageModel) -> str:
    return str(model.module.config.get_text_config()._attn_implementation)
