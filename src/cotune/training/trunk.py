"""The frozen trunk: what the layers below the cut give for a node, computed once and kept.

The lower layers never change in a study, so neither do their outputs, keys and values. What is kept depends on tokens
only: not on the batch, the trial or the process that first needed it (see `filling`). It is kept in memory (a GPU's
too) and on disk: with a folder for other processes, else for this one.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from cotune.training.filling import Filling
from cotune.training.forest import Node
from cotune.training.model import LanguageModel
from cotune.training.spill import Spill
from cotune.training.store import Store
from cotune.training.tiers import shelf

STATES_BYTES = 1 << 30
PASTS_BYTES = 1 << 30
STATES_SHARE = 0.2
PASTS_SHARE = 0.1
"""Of a GPU's memory that is free once the model is there; what adapters are trained with needs the rest."""


class Trunk:
    """What the lowest `depth` layers of a model give for nodes: their states and their pasts.

    States are [token, width]. A past holds keys and values [layer, key or value, head, token, width]; it is needed
    where a child is computed or where decoding goes on.
    """

    def __init__(self, model: LanguageModel, depth: int, *, cache: Path | None = None) -> None:
        self.depth = depth
        self._model = model
        self._filling = Filling(model, depth)
        folder = cache / f"{model.fingerprint[:32]}-{depth}-{model.precision}" if cache else None
        states = Store(memory_bytes=STATES_BYTES, folder=folder, spill=Spill(_near(cache)))
        pasts = Store(memory_bytes=PASTS_BYTES, spill=Spill(_near(cache)))
        self._states = shelf(states, model.device, share=STATES_SHARE)
        self._pasts = shelf(pasts, model.device, share=PASTS_SHARE)

    def prepare(
        self, nodes: Iterable[Node], *, pasts: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Computes what is not there yet of `nodes`; `progress` is told (done, total).

        It costs a forward pass of the lower layers over each new node, once for all trials. With `pasts` the pasts that
        this yields are kept too.
        """
        missing = [node for node in dict.fromkeys(nodes) if _key(node) not in self._states]
        parents = {node.parent for node in missing}
        done = 0
        for pack in self._filling.packs(missing):
            if progress:
                progress(done, len(missing))
            for node, given in zip(pack, self._filling.run(pack, self.past), strict=True):
                self._states.put(_key(node), given.states)
                if pasts or node in parents:
                    self._pasts.put(_key(node), given.past)
            done += len(pack)
        if progress and missing:
            progress(done, len(missing))
        self._states.flush()

    def states(self, nodes: Sequence[Node]) -> torch.Tensor:
        """Gives the states of `nodes`, one after another, [token, width]."""
        found = self._states.take(_key(node) for node in nodes)
        for pack in self._filling.packs([node for node in dict.fromkeys(nodes) if _key(node) not in found]):
            for node, given in zip(pack, self._filling.run(pack, self.past), strict=True):
                found[_key(node)] = given.states
                self._states.put(_key(node), given.states)
        return torch.cat([found[_key(node)] for node in nodes]).to(self._model.device)

    def past(self, line: Sequence[Node]) -> torch.Tensor:
        """Gives the past of a whole line from the root on, its tokens one after another."""
        found = self._pasts.take(_key(node) for node in line)
        for node in line:
            if _key(node) not in found:
                (given,) = self._filling.run([node], self.past)
                found[_key(node)] = given.past
                self._pasts.put(_key(node), given.past)
        return torch.cat([found[_key(node)] for node in line], dim=3).to(self._model.device)

    def confine(self, share: float) -> None:
        """Keeps at most `share` of its memory, where trials run out of theirs; what leaves is read from disk."""
        self._states.confine(share)
        self._pasts.confine(share)


def _near(cache: Path | None) -> Path | None:
    """Gives the nearest folder of a cache that is there already, for files without a name on the same disk."""
    return next((folder for folder in (cache, *cache.parents) if folder.is_dir()), None) if cache else None


def _key(node: Node) -> str:
    """Gives a digest of the tokens of a node and of its ancestors, cuts included."""
    above = "" if node.parent is None else _key(node.parent)
    return hashlib.sha256(above.encode() + array("q", node.ids).tobytes()).hexdigest()
