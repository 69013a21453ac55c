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
    """An output as far as it is known: its last token is not in the past yet, the `known` tokens before it are.

    `past` holds keys and values [layer, key or value, head, known, width] of the trained layers; None: it is finished.
    """

    example: Example
    output: list[int]
    known: int
    past: torch.Tensor | None

    def add(self, token: int, generation: Generation) -> bool:
        """Adds the next token and tells whether more are to come."""
        if token == generation.end:
            return False
        self.output.append(token)
        return len(self.output) < generation.cap


def agree(gold: Sequence[int], choices: Sequence[int], generation: Generation) -> tuple[list[int], bool]:
    """Gives the output up to and with the first token that differs from `gold`, and whether it is finished.

    `choices` are the most likely tokens where the gold ones stand.
    """
    output: list[int] = []
    for wanted, chosen in zip(gold, choices, strict=True):
        if chosen == generation.end:
            return output, True
        output.append(chosen)
        if len(output) == generation.cap:
            return output, True
        if chosen != wanted:
            return output, False
    return output, False


def go_on(
    model: LanguageModel,
    drafts: Sequence[Draft],
    lower: Callable[[Draft], torch.Tensor | None],
    generation: Generation,
) -> None:
    """Completes the outputs of `drafts`; `lower` gives the past of the layers below the cut, if there is one."""
    open_drafts = sorted((draft for draft in drafts if draft.past is not None), key=lambda draft: draft.known)
    for start in range(0, len(open_drafts), generation.rows):
        batch = open_drafts[start : start + generation.rows]
        _complete(model, batch, lower, generation)
        for draft in batch:
            draft.past = None


def _complete(
    model: LanguageModel,
    drafts: list[Draft],
    lower: Callable[[Draft], torch.Tensor | None],
    generation: Generation,
) -> None:
    past, mask = _gather(model, drafts, lower, generation)
    while True:
        logits = model.module(
            input_ids=torch.tensor([[draft.output[-1]] for draft in drafts], device=model.device),
            position_ids=torch.tensor([[draft.known] for draft in drafts], device=model.device),
            attention_mask=mask[..., : past.filled + 1],
            past_key_values=past,
            use_cache=True,
        ).logits[:, -1]
        past.filled += 1
        choices = logits.argmax(-1).tolist()
        for draft in drafts:
            draft.known += 1
        stays = [draft.add(token, generation) for draft, token in zip(drafts, choices, strict=True)]
        if not any(stays):
            return
        if not all(stays):
            drafts = [draft for draft, stay in zip(drafts, stays, strict=True) if stay]
            kept = torch.tensor(stays, device=model.device)
            mask = mask[kept]
            past.buffer = past.buffer[:, :, kept]


def _gather(
    model: LanguageModel,
    drafts: Sequence[Draft],
    lower: Callable[[Draft], torch.Tensor | None],
    generation: Generation,
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
