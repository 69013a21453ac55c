"""The cut between frozen and trained layers: run a decoder only below it, or only above it.

The model's own forward pass runs in both cases, with the layers of the other side handing on what they are given. So
masks, position embeddings and norms are the model's, whatever its family.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

Forward = Callable[..., torch.Tensor]


def hand_on(hidden_states: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
    """Stands in for a layer that is left out."""
    return hidden_states


@contextmanager
def above(layers: Sequence[nn.Module], depth: int, states: torch.Tensor) -> Iterator[None]:
    """Lets the layers from `depth` on run, on `states` [row, token, width] in place of what the lower ones give."""

    def enter(*_: object, **__: object) -> torch.Tensor:
        return states

    with _standing_in(layers[: depth - 1], hand_on), _standing_in(layers[depth - 1 : depth], enter):
        yield


@contextmanager
def below(layers: Sequence[nn.Module], depth: int) -> Iterator[list[torch.Tensor]]:
    """Lets the layers below `depth` run; the list then holds what they gave, [row, token, width]."""
    given: list[torch.Tensor] = []

    def leave(hidden_states: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        given.append(hidden_states)
        return hidden_states

    with _standing_in(layers[depth : depth + 1], leave), _standing_in(layers[depth + 1 :], hand_on):
        yield given


@contextmanager
def scaled(layer: nn.Module, factors: torch.Tensor) -> Iterator[None]:
    """Multiplies the states that a layer is given, [row, token, width], by `factors` [row, token]."""

    def scale(
        _: nn.Module, given: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]
    ) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
        if given:
            return (_times(given[0], factors), *given[1:]), named
        return given, {**named, "hidden_states": _times(named["hidden_states"], factors)}

    hook = layer.register_forward_pre_hook(scale, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _times(states: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return states * factors[:, :, None].to(states)


@contextmanager
def parted(output_layer: nn.Module) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Cuts the graph under the output layer; the list then holds the states below the cut and the leaf above it."""
    sides: list[tuple[torch.Tensor, torch.Tensor]] = []

    def part(_: nn.Module, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        sides.append((states[0], states[0].detach().requires_grad_()))
        return (sides[-1][1],)

    hook = output_layer.register_forward_pre_hook(part)
    try:
        yield sides
    finally:
        hook.remove()


@contextmanager
def _standing_in(layers: Sequence[nn.Module], forward: Forward) -> Iterator[None]:
    """Gives `layers` another forward; one that accelerate put there, to move a layer's inputs, comes back after."""
    before = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = forward
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            if own is None:
                del layer.forward
            else:
                layer.forward = own


def decoder_layers(module: nn.Module, count: int) -> nn.ModuleList:
    """Gives the list of the `count` layers of a decoder, wherever its family keeps it.

    Raises:
        ValueError: no list of that length is there.
    """
    for part in module.modules():
        if isinstance(part, nn.ModuleList) and len(part) == count:
            return part
    raise ValueError(f"{type(module).__name__} has no list of {count} layers. Use another model, or layers: all.")
