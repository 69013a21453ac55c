"""Gradients at shifted parameters: the look-ahead of a two-pass step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

Chance = tuple[torch.Tensor, list[torch.Tensor]]
"""States of the random generators: the CPU's, and those of the GPUs."""


@contextmanager
def shifted(parameters: Sequence[nn.Parameter], shift: torch.Tensor) -> Iterator[None]:
    """Adds `shift` [parameter] to the parameters; afterwards they are what they were, to the bit."""
    before = [parameter.detach().clone() for parameter in parameters]
    parts = shift.split([parameter.numel() for parameter in parameters])
    with torch.no_grad():
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.add_(part.view_as(parameter).to(parameter))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, kept in zip(parameters, before, strict=True):
                parameter.copy_(kept)


def chance() -> Chance:
    """Gives where torch's random numbers are now."""
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


@contextmanager
def again(start: Chance) -> Iterator[None]:
    """Draws the random numbers from `start` on once more, and leaves the generators as they were."""
    with torch.random.fork_rng():
        torch.set_rng_state(start[0])
        if start[1]:
            torch.cuda.set_rng_state_all(start[1])
        yield
