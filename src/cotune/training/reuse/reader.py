"""The reader: the losses of a dataset's rows under any pick, with no more of the model run than that takes."""

from collections.abc import Sequence

import numpy as np
import torch

from cotune.training.decoder import Decoder
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS, leaf
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.memory import within_memory
from cotune.training.reuse.descent import Pick
from cotune.training.reuse.held import Held, hold
from cotune.training.reuse.library import Library
from cotune.training.trunk import Trunk
from cotune.verdict.loss_gap import Array


class Reader:
    """Reads `examples` with the adapters of a library; `trunk` ends below the lowest layer that one has factors for."""

    def __init__(self, library: Library, decoder: Decoder, trunk: Trunk | None, examples: Sequence[Example]) -> None:
        self._library, self._decoder, self._examples = library, decoder, list(examples)
        self._held: Held | None = None
        self.tokens: Array = np.array([len(example.answer) for example in examples], dtype=float)  # [row]
        if trunk is not None and decoder.uses_trunk:
            trunk.prepare(node for example in examples for node in leaf(example).line)

    def losses(self, pick: Pick) -> Array:
        """Gives the summed loss of each row's answer under `pick`, in nats, [row].

        Raises:
            TrialError: memory runs out even in the smallest packs.
        """
        self._library.choose(pick)
        read: list[torch.Tensor] = within_memory(lambda limit: self._read(pick, limit), PACK_TOKENS)
        return np.array([float(row.double().sum()) for row in read])

    def hold(self, pick: Pick) -> None:
        """Keeps what `pick` gives below each layer; nothing where the decoder is the plain one or memory is short.

        Raises:
            TrialError: memory runs out even in the smallest packs.
        """
        self._library.choose(pick)
        self._held = None  # before the new one takes its room
        within_memory(lambda limit: self._hold(pick, limit), PACK_TOKENS)

    def _hold(self, pick: Pick, limit: int) -> None:
        decoder = self._decoder
        if limit == PACK_TOKENS and isinstance(decoder, ForestDecoder):
            self._held = hold(self._library.model, decoder, self._examples, pick, above=self._library.lowest)

    def _read(self, pick: Pick, limit: int) -> list[torch.Tensor]:
        if limit < PACK_TOKENS:
            self._held = None  # its packs are of the usual size, and others need its memory
        decoder = self._decoder
        below = self._held.below(pick) if self._held else None
        if below is not None and isinstance(decoder, ForestDecoder):
            losses: list[torch.Tensor] = decoder.losses_above(below, self._examples, limit=limit)
            return losses
        return [reading.losses for reading in decoder.read(self._examples, limit=limit)]
