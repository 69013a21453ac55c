"""The fast decoder: common beginnings run once per pack, frozen layers once per study."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Protocol

import torch

from cotune.training.block_attention import in_blocks
from cotune.training.cut import above, parted, scaled
from cotune.training.decoder import Generation, Reading, answer_losses
from cotune.training.example import Example
from cotune.training.forest import Forest, Node, leaf, packs, plant
from cotune.training.greedy import Draft, agree, go_on
from cotune.training.model import LanguageModel
from cotune.training.past import Past
from cotune.training.read_columns import only_read
from cotune.training.states import listening
from cotune.training.trunk import Trunk


class Lower(Protocol):
    """What the lowest `depth` layers give, computed before."""

    @property
    def depth(self) -> int:
        """How many layers it stands for."""
        ...

    def states(self, nodes: Sequence[Node]) -> torch.Tensor:
        """Gives the states of `nodes`, one after another, [token, width]."""
        ...


class ForestDecoder:
    """A decoder that lays examples out as a forest; with a trunk only the layers above the cut run.

    The trained layers begin at `cut`, which is where a trunk ends.
    """

    def __init__(self, model: LanguageModel, trunk: Trunk | None = None, *, cut: int = 0) -> None:
        self._model = model
        self._layers = model.layers
        self._trunk = trunk
        self.uses_trunk = trunk is not None
        self._depth = trunk.depth if trunk else 0
        self._cut = self._depth or cut

    def split(self, examples: Sequence[Example], limit: int) -> list[list[Example]]:
        """Splits examples, in order, into packs whose forests hold at most `limit` tokens."""
        return packs(examples, limit)

    def logits(self, examples: Sequence[Example]) -> torch.Tensor:
        """Gives what it expects at each answer token of one pack, [answer token, vocabulary], with gradients."""
        return self._run(self._plant(examples), examples, None)

    def read_states(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives the logits, and the mean last hidden state of each row's own prompt, [example, hidden]."""
        forest = self._plant(examples)
        with listening(self._model.module) as heard:
            logits = self._run(forest, examples, None, everywhere=True)  # after what the trunk may have to fill
        pairs = zip(forest.places, examples, strict=True)
        own = [[places[spot] for spot in example.own] for places, example in pairs]
        return logits, torch.stack([heard[-1][0, columns].mean(dim=0) for columns in own])

    def parted(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Gives the states under the output layer, the leaf above them, and the logits; a column for each token."""
        with parted(self._model.module.get_output_embeddings()) as sides:
            logits = self._run(self._plant(examples), examples, None, apart=True)
        below, top = sides[0]
        return below, top, logits

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def read(self, examples: Sequence[Example], *, limit: int, generation: Generation | None = None) -> list[Reading]:
        """Gives losses and outputs; the pass that measures the losses also drafts the outputs (see `greedy`)."""
        losses: list[torch.Tensor] = []
        drafts: list[Draft] = []
        for pack in packs(examples, limit):
            forest = self._plant(pack)
            past = self._room(forest) if generation is not None else None
            logits = self._run(forest, pack, past)
            losses += answer_losses(logits, pack)
            if generation is not None and past is not None:
                drafts += self._drafts(forest, pack, logits, past, generation)
        if generation is None:
            return [Reading(loss) for loss in losses]
        go_on(self._model, drafts, self._lower_past, generation)
        return [Reading(loss, tuple(draft.output)) for loss, draft in zip(losses, drafts, strict=True)]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def losses_above(self, lower: Lower, examples: Sequence[Example], *, limit: int) -> list[torch.Tensor]:
        """Gives the losses on the gold answers, [example][answer token], from the states that `lower` has."""
        losses: list[torch.Tensor] = []
        for pack in packs(examples, limit):
            losses += answer_losses(self._run(self._plant(pack), pack, None, lower=lower), pack)
        return losses

    def _plant(self, examples: Sequence[Example]) -> Forest:
        return plant(examples, device=self._model.device, dtype=self._model.dtype)

    def _room(self, forest: Forest) -> Past:
        return Past(first=self._depth, count=len(self._layers) - self._depth, columns=forest.ids.shape[1])

    def _run(
        self,
        forest: Forest,
        examples: Sequence[Example],
        past: Past | None,
        *,
        apart: bool = False,
        everywhere: bool = False,
        lower: Lower | None = None,
    ) -> torch.Tensor:
        """Gives the logits of the answer tokens; only their columns go through the output layer, each once.

        With `apart` a column goes through it once for each of its answer tokens. States before it are whole at these
        columns alone, unless they are wanted `everywhere`. The layers above `lower` run, else those above the trunk.
        """
        lower = lower or self._trunk
        pairs = zip(forest.places, examples, strict=True)
        columns = torch.tensor([places[spot] for places, example in pairs for spot in example.predictors])
        keep, order = (columns, columns) if apart else torch.unique(columns, return_inverse=True)
        with ExitStack() as stack:
            stack.enter_context(self._entering(forest, lower))
            stack.enter_context(self._scaling(forest, examples))
            stack.enter_context(in_blocks(self._model, forest, first=lower.depth if lower else 0))
            if not everywhere:
                stack.enter_context(only_read(self._layers[-1], keep))
            logits: torch.Tensor = self._model.module(
                input_ids=forest.ids,
                position_ids=forest.positions,
                attention_mask=forest.mask,
                logits_to_keep=keep if self._model.is_split else keep.to(self._model.device),
                past_key_values=past,
                use_cache=past is not None,
            ).logits[0]
        return logits[order.to(logits.device)] if len(keep) < len(columns) else logits

    def _entering(self, forest: Forest, lower: Lower | None) -> AbstractContextManager[None]:
        if lower is None:
            return nullcontext()
        return above(self._layers, lower.depth, lower.states(forest.nodes)[None])

    def _scaling(self, forest: Forest, examples: Sequence[Example]) -> AbstractContextManager[None]:
        if all(example.scale == 1 for example in examples):
            return nullcontext()
        factors = torch.ones(forest.ids.shape)  # [1, token]
        for places, example in zip(forest.places, examples, strict=True):
            factors[0, [places[spot] for spot in example.own]] = example.scale
        return scaled(self._layers[self._cut], factors)

    def _drafts(
        self, forest: Forest, examples: Sequence[Example], logits: torch.Tensor, past: Past, generation: Generation
    ) -> list[Draft]:
        drafts = []
        best = logits.argmax(-1).split([len(example.answer) for example in examples])
        for example, places, choice in zip(examples, forest.places, best, strict=True):
            draft = agree(example, choice.tolist(), generation)
            if not draft.is_finished:
                draft.past = past.buffer[:, :, 0, :, places[: draft.known]]
            drafts.append(draft)
        return drafts

    def _lower_past(self, draft: Draft) -> torch.Tensor | None:
        if self._trunk is None:
            return None
        return self._trunk.past(leaf(draft.example).line)[..., : draft.known, :]
