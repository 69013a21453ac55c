"""States that one pick gives below its layers, kept for picks that differ from it only further up."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS, Node, lay_out, packs, tokens_of
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.model import LanguageModel
from cotune.training.reuse.descent import Pick

HELD_BYTES = 1 << 30
"""So much memory held states may take. What lies higher is kept first: it saves more layers."""


@dataclass(frozen=True)
class Below:
    """What the lowest `depth` layers gave, for each pack; the packs are those of `packs` at their usual size."""

    depth: int
    packs: dict[tuple[Node, ...], torch.Tensor]  # [token, width]
    device: torch.device

    def states(self, nodes: Sequence[Node]) -> torch.Tensor:
        """Gives the states of a pack, [token, width]."""
        return self.packs[tuple(nodes)].to(self.device)


@dataclass(frozen=True)
class Held:
    """The states that `pick` gives below some of its layers."""

    pick: Pick
    layers: dict[int, Below]

    def below(self, other: Pick) -> Below | None:
        """Gives the states from which `other` can go on: the highest below which it is the same pick, if any."""
        pairs = zip(self.pick, other, strict=True)
        first = next((layer for layer, (own, its) in enumerate(pairs) if own != its), len(self.pick) - 1)
        return self.layers[max(within)] if (within := [depth for depth in self.layers if depth <= first]) else None


def hold(model: LanguageModel, decoder: ForestDecoder, examples: Sequence[Example], pick: Pick, *, above: int) -> Held:
    """Gives the states of `examples` below the layers higher than `above`, with `pick` in place on the model.

    Cost: a pass, and at most `HELD_BYTES` of memory on the CPU.
    """
    runs = packs(examples, PACK_TOKENS)
    size = sum(map(tokens_of, runs)) * int(model.module.config.get_text_config().hidden_size) * model.dtype.itemsize
    top = len(model.layers)
    kept = range(max(above + 1, top - HELD_BYTES // size), top)
    layers = {depth: Below(depth, {}, model.device) for depth in kept}
    for pack in runs:
        with _entering({depth: model.layers[depth] for depth in kept}) as entered:
            decoder.read(pack, limit=PACK_TOKENS)
        nodes = lay_out(pack).nodes
        for depth, states in entered.items():
            layers[depth].packs[nodes] = states[0].cpu()
    return Held(pick, layers)


@contextmanager
def _entering(layers: dict[int, nn.Module]) -> Iterator[dict[int, torch.Tensor]]:
    """Fills a dictionary with what each layer is given, [row, token, width]."""
    entered: dict[int, torch.Tensor] = {}

    def listen(depth: int) -> "torch.utils.hooks.RemovableHandle":
        def keep(_: nn.Module, given: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> None:
            entered[depth] = given[0] if given else named["hidden_states"]

        return layers[depth].register_forward_pre_hook(keep, with_kwargs=True)

    with ExitStack() as stack:
        for depth in layers:
            stack.callback(listen(depth).remove)
        yield entered
