"""Memory: work in packs is done again in smaller ones when it runs out."""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from cotune.training.errors import TrialError

HALVINGS = 4
CPU_MESSAGES = ("can't allocate memory", "not enough memory", "Cannot allocate memory")

Result = TypeVar("Result")


def within_memory(work: Callable[[int], Result], pack_tokens: int) -> Result:
    """Gives `work(pack_tokens)`; when memory runs out it starts again with half as much, at most four times.

    Raises:
        TrialError: it ran out even so.
    """
    for halving in range(HALVINGS + 1):
        try:
            return work(pack_tokens >> halving)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        free()  # outside of the handler, where the error's frames no longer hold tensors
    least = pack_tokens >> HALVINGS
    raise TrialError(f"oom: memory ran out even in packs of {least} tokens; lower train.max_length or lora.layers")


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether memory ran out, on a GPU or (where torch raises a plain RuntimeError) on the CPU."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(message in str(error) for message in CPU_MESSAGES)


def free() -> None:
    """Gives back what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
