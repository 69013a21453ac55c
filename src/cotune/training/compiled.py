"""Compiled layers: the passes of one trial through its trained layers by torch.compile, where that saves time."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from torch import nn
from transformers import Cache

from cotune.training.decoder import Decoder
from cotune.training.errors import UNFIT
from cotune.training.example import Example
from cotune.training.forwards import replaced
from cotune.training.memory import is_out_of_memory

TRIALS = 24
"""Of a usual study, as in `worth`."""
BEST = 0.5
"""No more of a pass is hoped to be saved before it was measured."""
LEAST_SECONDS = 60.0
"""So long it takes at least to compile, before it was measured: 2 graphs to train with and 2 to read with."""
COMPILERS = ("torch._dynamo", "torch._inductor")
"""Where the errors are from that say that something cannot be compiled."""
TIMED = 5
"""Passes that are timed."""


class CompiledLayers:
    """Compiles `layers` when they are first trained, and runs them so where that pays and works.

    Shapes are dynamic, all layers and the adapters of all trials share the graphs: one for the first layer, whose
    input has no gradient, one for the others, and the same without gradients. A pass that fills or reads a cache of
    keys and values (drafts and decoding) runs as it is, since each new token would be another graph.
    """

    def __init__(self, layers: Sequence[nn.Module], mode: Literal["auto", "on", "off"], tolerance: float) -> None:
        """Takes what `train.compile` says; `tolerance` is by how much of the largest output two right ways differ."""
        self.is_on = False
        self._layers, self._mode, self._tolerance = layers, mode, tolerance
        self._is_decided = mode == "off"
        self._eager: float | None = None  # seconds of a pass as it is
        self._compiled: Callable[..., torch.Tensor] = torch.compile(_forward, dynamic=True, fullgraph=True)

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """Lets the compiled layers run inside, if they are on."""
        with replaced(self._layers if self.is_on else (), lambda layer: partial(self._run, layer)):
            yield

    def prepare(self, decoder: Decoder, parameters: Sequence[nn.Parameter], packs: Sequence[Sequence[Example]]) -> None:
        """Compiles and decides, once it may pay: `packs` are what a trial trains on. It leaves no gradients."""
        if self._is_decided or not packs:
            return
        pack = max(packs, key=lambda each: sum(example.tokens for example in each))

        def work() -> torch.Tensor:
            logits = decoder.logits(pack).float()
            logits.logsumexp(-1).sum().backward()
            return logits.detach()

        try:
            self._decide(work, TRIALS * len(packs))
        finally:
            for parameter in parameters:
                parameter.grad = None

    def _decide(self, work: Callable[[], torch.Tensor], passes: int) -> None:
        plain = work()
        if self._eager is None:
            self._eager = seconds_of(work, plain.device) if self._mode == "auto" else 0.0
        if self._mode == "auto" and self._eager * passes * BEST <= LEAST_SECONDS:
            return
        self.is_on = self._is_decided = True
        started = time.perf_counter()
        try:
            with self.standing_in():
                found = work()
                taken = time.perf_counter() - started
                compiled = seconds_of(work, plain.device) if self._mode == "auto" and self.is_on else 0.0
        except UNFIT as error:
            if is_out_of_memory(error):
                raise
            self._give_up(error)
        if not self.is_on:
            return
        apart = float((found - plain).abs().max() / plain.abs().max().clamp(min=1))
        if apart > self._tolerance:
            self._warn(f"their outputs would differ by {apart:.1e}")
        elif self._mode == "auto":
            self.is_on = pays(eager=self._eager, compiled=compiled, passes=passes, seconds=taken)

    def _run(self, layer: nn.Module, *given: object, **named: object) -> torch.Tensor:
        """Runs a layer compiled, or as it is where it cannot be compiled or keeps keys and values."""
        if not self.is_on or any(isinstance(each, Cache) for each in (*given, *named.values())):
            return _forward(layer, *given, **named)
        try:
            return self._compiled(layer, *given, **named)
        except Exception as error:
            if not type(error).__module__.startswith(COMPILERS):
                raise
            self._give_up(error)
        return _forward(layer, *given, **named)

    def _give_up(self, error: Exception) -> None:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        self._warn(f"{type(error).__name__}: {(lines or [''])[0][:100]}")

    def _warn(self, reason: str) -> None:
        self.is_on = False
        warnings.warn(f"Layers run as they are, not compiled ({reason}).", stacklevel=2)


def pays(*, eager: float, compiled: float, passes: int, seconds: float) -> bool:
    """Tells whether compiling saves time over `passes` passes of so many seconds each.

    `seconds` went into the graphs that train; those that read losses are still to come and take about as long.

    >>> [pays(eager=0.03, compiled=0.02, passes=passes, seconds=40.0) for passes in (1000, 10_000)]
    [False, True]
    """
    return (eager - compiled) * passes > seconds


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Gives the seconds that `work` takes, the mean of a few times."""
    _wait(device)
    started = time.perf_counter()
    for _ in range(TIMED):
        work()
    _wait(device)
    return (time.perf_counter() - started) / TIMED


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forward(layer: nn.Module, *given: object, **named: object) -> torch.Tensor:
    """Runs a layer by its class's own forward; what is compiled."""
    out: torch.Tensor = type(layer).forward(layer, *given, **named)
    return out
