"""Difficulty: what the model as it is loses on train rows, measured once for each."""

from collections.abc import Sequence

from cotune.training.decoder import Decoder
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS
from cotune.training.memory import within_memory
from cotune.training.trainer import Trainer


class Difficulty:
    """Measures mean losses per answer token, while no adapter is on the model, and remembers them by content.

    They are not kept between processes: what the frozen layers give for a row is, where there is a trunk, and a trial
    needs that in any case.
    """

    def __init__(self, trainer: Trainer, decoder: Decoder) -> None:
        self._trainer, self._decoder = trainer, decoder
        self._known: dict[Example, float] = {}

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        """Gives the loss of each example; a forward pass of those that were not measured before."""
        new = [example for example in dict.fromkeys(examples) if example not in self._known]
        if new:
            self._known |= zip(new, within_memory(lambda limit: self._read(new, limit), PACK_TOKENS), strict=True)
        return [self._known[example] for example in examples]

    def _read(self, examples: Sequence[Example], limit: int) -> list[float]:
        self._trainer.encode(None, examples, pasts=False, limit=limit)
        return [float(reading.losses.mean()) for reading in self._decoder.read(examples, limit=limit)]
