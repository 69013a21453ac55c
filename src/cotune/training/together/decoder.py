"""The decoder of a stack: forests of several trials in one pass, each row with the adapter of its trial."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.utils.rnn import pad_sequence

from cotune.training.cut import above
from cotune.training.decoder import Generation, Reading, answer_losses
from cotune.training.example import Example
from cotune.training.forest import Forest, leaf, packs, plant
from cotune.training.greedy import Draft, agree, go_on
from cotune.training.model import LanguageModel
from cotune.training.padded_decoder import only_at
from cotune.training.past import Past
from cotune.training.together.rows import Rows, side_by_side
from cotune.training.together.seats import free_seats, seats_of
from cotune.training.together.stack import Stack
from cotune.training.trunk import Trunk

LOGITS_BYTES = 1 << 29
"""So much the logits of one pass of scoring may take."""
PASTS_BYTES = 1 << 30
"""So much the keys and values of outputs that are made together may take."""
PASTS_KEPT = 8
"""Of so many examples the keys and values below the cut are kept at hand."""


class StackDecoder:
    """A forest decoder for all trials of a stack."""

    def __init__(self, model: LanguageModel, trunk: Trunk | None, stack: Stack) -> None:
        self._model = model
        self._layers = model.layers
        self._trunk = trunk
        self._depth = trunk.depth if trunk else 0
        self._stack = stack
        self._pasts: dict[Example, torch.Tensor] = {}  # of the layers below the cut

    def logits(self, trials: Sequence[int], given: Sequence[Sequence[Example]]) -> torch.Tensor:
        """Gives what each of `trials` expects at the answer tokens of its pack, [answer token of all, vocabulary].

        A trial may have several packs, next to each other, if all have equally many and nothing is dropped out.
        """
        rows = side_by_side(given, device=self._model.device, dtype=self._model.dtype)
        self._sit(dict.fromkeys(trials), rows.lengths)
        with self._entering(rows), only_at(self._model.module.get_output_embeddings(), *rows.spots):
            out = self._model.module(
                input_ids=rows.ids, position_ids=rows.positions, attention_mask=rows.mask, use_cache=False
            )
        logits: torch.Tensor = out.logits[0]
        return logits

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def read(
        self, examples: Sequence[Example], *, limit: int, generation: Generation | None = None
    ) -> list[list[Reading]]:
        """Gives each trial's losses and outputs, [trial][example]; see `ForestDecoder.read`."""
        losses: list[list[torch.Tensor]] = [[] for _ in range(len(self._stack))]
        drafts: list[list[Draft]] = [[] for _ in range(len(self._stack))]
        pending: list[Draft] = []
        for pack in packs(examples, limit):
            forest = plant(pack, device=self._model.device, dtype=self._model.dtype)
            for trial, logits, past in self._passes(forest, pack, generation):
                losses[trial] += answer_losses(logits, pack)
                if past is not None and generation is not None:
                    drafts[trial] += _drafts(trial, forest, pack, logits, past, generation)
                    pending += [draft for draft in drafts[trial][-len(pack) :] if not draft.is_finished]
            if generation is not None:
                pending = self._complete(pending, generation, least=self._room(pending, generation))
        if generation is None:
            return [[Reading(loss) for loss in mine] for mine in losses]
        self._complete(pending, generation, least=1)
        return [
            [Reading(loss, tuple(draft.output)) for loss, draft in zip(mine, outputs, strict=True)]
            for mine, outputs in zip(losses, drafts, strict=True)
        ]

    def _passes(
        self, forest: Forest, pack: Sequence[Example], generation: Generation | None
    ) -> Iterator[tuple[int, torch.Tensor, torch.Tensor | None]]:
        """Yields each trial with its logits [answer token, vocabulary] and, for drafts, its keys and values."""
        columns = torch.tensor(
            [places[spot] for places, example in zip(forest.places, pack, strict=True) for spot in example.predictors]
        )
        keep, order = torch.unique(columns, return_inverse=True)
        head = self._model.module.get_output_embeddings()
        size = len(keep) * int(head.weight.shape[0]) * self._model.dtype.itemsize
        several = max(LOGITS_BYTES // size, 1)
        for start in range(0, len(self._stack), several):
            trials = tuple(range(start, min(start + several, len(self._stack))))
            past = None
            if generation is not None:
                past = Past(first=self._depth, count=len(self._layers) - self._depth, columns=forest.ids.shape[1])
            logits = self._run(forest, trials, keep, past)
            for row, trial in enumerate(trials):
                yield trial, logits[row, order.to(logits.device)], None if past is None else past.buffer[:, :, row]

    def _run(self, forest: Forest, trials: tuple[int, ...], keep: torch.Tensor, past: Past | None) -> torch.Tensor:
        self._sit(trials)
        with self._entering(forest, len(trials)):
            logits: torch.Tensor = self._model.module(
                input_ids=forest.ids.expand(len(trials), -1),
                position_ids=forest.positions.expand(len(trials), -1),
                attention_mask=forest.mask.expand(len(trials), -1, -1, -1),
                logits_to_keep=keep.to(self._model.device),
                past_key_values=past,
                use_cache=past is not None,
            ).logits
        return logits

    def _sit(self, trials: Iterable[int], lengths: tuple[int, ...] = ()) -> None:
        self._stack.sit(seats_of(list(trials), among=len(self._stack), device=self._model.device, lengths=lengths))

    def _entering(self, given: Rows | Forest, rows: int = 1) -> AbstractContextManager[None]:
        if self._trunk is None:
            return nullcontext()
        if isinstance(given, Forest):
            return above(self._layers, self._depth, self._trunk.states(given.nodes)[None].expand(rows, -1, -1))
        states = [self._trunk.states(nodes) for nodes in given.nodes]
        return above(self._layers, self._depth, pad_sequence(states, batch_first=True))

    def _room(self, pending: Sequence[Draft], generation: Generation) -> int:
        """Gives how many outputs are worth making together: those of `generation` for each trial, if they fit."""
        many = generation.rows * len(self._stack)
        if not pending or pending[0].past is None:
            return many
        column = pending[0].past[:, :, :, 0].nbytes * len(self._layers) // len(pending[0].past)
        longest = max(draft.known for draft in pending) + generation.cap
        return max(min(many, PASTS_BYTES // int(column * longest)), generation.rows)

    def _complete(self, pending: list[Draft], generation: Generation, *, least: int) -> list[Draft]:
        """Completes the outputs once there are `least`; gives what is still open."""
        if len(pending) < least:
            return pending
        rows = Generation(generation.end, generation.cap, self._room(pending, generation))
        go_on(self._model, pending, self._lower_past, rows, self._seat)
        return []

    def _seat(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            owners = [draft.trial for draft in drafts]
            self._stack.sit(free_seats(owners, among=len(self._stack), device=self._model.device))

    def _lower_past(self, draft: Draft) -> torch.Tensor | None:
        if self._trunk is None:
            return None
        if draft.example not in self._pasts:  # trials stop at the same places, so it is often asked for again at once
            if len(self._pasts) >= PASTS_KEPT:
                self._pasts.clear()
            self._pasts[draft.example] = self._trunk.past(leaf(draft.example).line)
        return self._pasts[draft.example][..., : draft.known, :]


def _drafts(
    trial: int,
    forest: Forest,
    pack: Sequence[Example],
    logits: torch.Tensor,
    past: torch.Tensor,
    generation: Generation,
) -> list[Draft]:
    """Gives the outputs of one trial as far as the gold answers tell them; `past` is [layer, 2, head, token, width]."""
    drafts = []
    best = logits.argmax(-1).split([len(example.answer) for example in pack])
    for example, places, choice in zip(pack, forest.places, best, strict=True):
        draft = agree(example, choice.tolist(), generation)
        draft.trial = trial
        if not draft.is_finished:
            draft.past = past[..., places[: draft.known], :]
        drafts.append(draft)
    return drafts
