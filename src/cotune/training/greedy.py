"""Greedy decoding that starts from a draft: the gold answer as far as the model agrees with it.

One pass over prompt and gold answer shows what the model would say after each gold token. Up to the first difference
that is its greedy output; only from there on are tokens made one by one. This is speculative decoding (Leviathan,
Kalman, Matias 2023, "Fast Inference from Transformers via Speculative Decoding") with the gold answer as the draft, so
the output is that of decoding from scratch, up to rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from cotune.training.decoder import Generation
from cotune.training.example import Example
from cotune.training.model import LanguageModel
from cotune.training.past import Past


@dataclass
class Draft:
    """An output as far as it is known, and the keys and values of all that comes before its last token.

    `past` is [layer, key or value, head, token, width] for the layers above the cut; a finished draft needs none.
    `trial` is the place of its trial among those that are scored together.
    """

    example: Example
    output: list[int]
    is_finished: bool
    past: torch.Tensor | None = None
    trial: int = 0

    @property
    def known(self) -> int:
        """How many tokens come before the last one of the output."""
        return len(self.example.prompt) + len(self.output) - 1

    def add(self, token: int, generation: Generation) -> None:
        """Adds the next token, or ends the output."""
        if token != generation.end:
            self.output.append(token)
        self.is_finished = token == generation.end or len(self.output) >= generation.cap


LowerPast = Callable[[Draft], torch.Tensor | None]
"""Gives the past of the layers below the cut, None where there is no cut."""

Seat = Callable[[Sequence[Draft]], None]
"""Is told whose the rows of the next passes are."""


def nobody(drafts: Sequence[Draft]) -> None:
    """Where there is one trial only, nobody has to know."""
    del drafts


def agree(example: Example, choices: Sequence[int], generation: Generation) -> Draft:
    """Gives the output up to and with the first token that differs from the gold answer.

    `choices` are the model's tokens where the gold ones stand.
    """
    draft = Draft(example, [], is_finished=False)
    for wanted, chosen in zip(example.answer, choices, strict=True):
        draft.add(chosen, generation)
        if draft.is_finished or chosen != wanted:
            break
    return draft


def go_on(
    model: LanguageModel, drafts: Sequence[Draft], lower: LowerPast, generation: Generation, seat: Seat = nobody
) -> None:
    """Completes the outputs of `drafts`, those of about the same length together."""
    pending = sorted((draft for draft in drafts if not draft.is_finished), key=lambda draft: draft.known)
    for start in range(0, len(pending), generation.rows):
        batch = pending[start : start + generation.rows]
        _complete(model, batch, lower, generation, seat)
        for draft in batch:
            draft.past = None


def _complete(model: LanguageModel, drafts: list[Draft], lower: LowerPast, generation: Generation, seat: Seat) -> None:
    past, mask = _gather(model, drafts, lower, generation)
    seat(drafts)
    while drafts:
        logits = model.module(
            input_ids=torch.tensor([[draft.output[-1]] for draft in drafts], device=model.device),
            position_ids=torch.tensor([[draft.known] for draft in drafts], device=model.device),
            attention_mask=mask[..., : past.filled + 1],
            past_key_values=past,
            use_cache=True,
        ).logits[:, -1]
        past.filled += 1
        for draft, token in zip(drafts, logits.argmax(-1).tolist(), strict=True):
            draft.add(token, generation)
        kept = [row for row, draft in enumerate(drafts) if not draft.is_finished]
        if len(kept) < len(drafts):
            drafts = [drafts[row] for row in kept]
            seat(drafts)
            mask, past.buffer = mask[kept], past.buffer[:, :, kept]


def _gather(
    model: LanguageModel, drafts: Sequence[Draft], lower: LowerPast, generation: Generation
) -> tuple[Past, torch.Tensor]:
    """Gives the pasts of all drafts in one buffer, aligned at the right, and the mask of what they may see."""
    width = max(draft.known for draft in drafts)
    room = generation.cap - min(len(draft.output) for draft in drafts)
    past = Past(first=0, count=len(model.layers), columns=width + room)
    past.filled = width
    mask = torch.zeros(len(drafts), 1, 1, width + room, dtype=model.dtype, device=model.device)
    for row, draft in enumerate(drafts):
        states = torch.cat([part for part in (lower(draft), draft.past) if part is not None])
        if row == 0:
            past.make(states, len(drafts))
        past.buffer[:, :, row, :, width - draft.known : width] = states
        mask[row, ..., : width - draft.known] = torch.finfo(model.dtype).min
    return past, mask
