"""Decoders: what training and scoring ask of a language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import cross_entropy

from cotune.training.example import Example


@dataclass(frozen=True)
class Generation:
    """How outputs are made: greedily, up to the token `end`, at most `cap` tokens, `rows` together."""

    end: int
    cap: int
    rows: int


@dataclass(frozen=True)
class Reading:
    """What a model makes of one example: its loss on each gold answer token and, if asked for, its own output."""

    losses: torch.Tensor  # [answer token]
    output: tuple[int, ...] = ()


class Decoder(Protocol):
    """A language model as training and scoring use it."""

    @property
    def uses_trunk(self) -> bool:
        """Whether it reads what the frozen layers give from a trunk."""
        ...

    def split(self, examples: Sequence[Example], limit: int) -> list[list[Example]]:
        """Splits examples, in order, into packs of at most `limit` tokens where that is possible."""
        ...

    def logits(self, examples: Sequence[Example]) -> torch.Tensor:
        """Gives what it expects at each answer token of one pack, [answer token, vocabulary], with gradients."""
        ...

    def read_states(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives the logits, and the mean last hidden state of each row's own prompt, [example, hidden]."""
        ...

    def parted(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Gives the logits of one pack with the graph cut under the output layer, and both sides of the cut.

        First the states that the graph of the layers ends in, then the leaf that the graph of the logits begins with;
        they are [..., answer token, width], in the order of the logits.
        """
        ...

    def read(self, examples: Sequence[Example], *, limit: int, generation: Generation | None = None) -> list[Reading]:
        """Gives its losses on the gold answers, pack by pack, and its own outputs if `generation` says how."""
        ...


def gold(examples: Sequence[Example], device: torch.device) -> torch.Tensor:
    """Gives the answer tokens of all examples, one after another, [answer token]."""
    return torch.tensor([token for example in examples for token in example.answer], device=device)


def answer_losses(logits: torch.Tensor, examples: Sequence[Example]) -> list[torch.Tensor]:
    """Gives the cross-entropy of each example's answer tokens, [example][answer token], on the CPU."""
    losses = cross_entropy(logits.float(), gold(examples, logits.device), reduction="none").cpu()
    return list(losses.split([len(example.answer) for example in examples]))
