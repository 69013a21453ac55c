"""The plain decoder: padded rows through the whole model and transformers' own generation.

It asks nothing of a model but to be causal, so it serves those that the fast decoder does not fit. It is also what the
tests compare the fast one with.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn
from transformers import GenerationConfig

from cotune.training.cut import parted, scaled
from cotune.training.decoder import Generation, Reading, answer_losses
from cotune.training.example import Example
from cotune.training.model import LanguageModel
from cotune.training.states import listening


class PaddedDecoder:
    """A decoder that pads examples to one length; the trained layers begin at `cut`."""

    def __init__(self, model: LanguageModel, *, cut: int = 0) -> None:
        self._model, self._cut = model, cut
        self.uses_trunk = False

    def split(self, examples: Sequence[Example], limit: int) -> list[list[Example]]:
        """Splits examples, in order, into packs of at most `limit` tokens, padding included."""
        runs: list[list[Example]] = []
        for example in examples:
            longest = max(other.tokens for other in [*(runs[-1] if runs else []), example])
            if not runs or (len(runs[-1]) + 1) * longest > limit:
                runs.append([])
            runs[-1].append(example)
        return runs

    def logits(self, examples: Sequence[Example]) -> torch.Tensor:
        """Gives what it expects at each answer token of one pack, [answer token, vocabulary], with gradients."""
        longest = max(example.tokens for example in examples)
        filler = self._model.tokenizer.pad_token_id or 0
        ids = torch.tensor([[*example.ids, *[filler] * (longest - example.tokens)] for example in examples])
        mask = torch.tensor([[1] * example.tokens + [0] * (longest - example.tokens) for example in examples])
        rows = torch.tensor([row for row, example in enumerate(examples) for _ in example.predictors])
        columns = torch.tensor([column for example in examples for column in example.predictors])
        output = self._model.module.get_output_embeddings()
        with only_at(output, rows, columns), self._scaling(examples, longest):
            out = self._model.module(
                input_ids=ids.to(self._model.device),
                attention_mask=mask.to(self._model.device),
                use_cache=False,
            )
        logits: torch.Tensor = out.logits[0]
        return logits

    def _scaling(self, examples: Sequence[Example], longest: int) -> AbstractContextManager[None]:
        if all(example.scale == 1 for example in examples):
            return nullcontext()
        factors = torch.ones(len(examples), longest)
        for row, example in enumerate(examples):
            factors[row, example.own.start : example.own.stop] = example.scale
        return scaled(self._model.layers[self._cut], factors)

    def read_states(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives the logits, and the mean last hidden state of each row's own prompt, [example, hidden]."""
        with listening(self._model.module) as heard:
            logits = self.logits(examples)
        own = [list(example.own) for example in examples]
        return logits, torch.stack([heard[0][row, columns].mean(dim=0) for row, columns in enumerate(own)])

    def parted(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Gives the states under the output layer, the leaf above them, and the logits."""
        with parted(self._model.module.get_output_embeddings()) as sides:
            logits = self.logits(examples)
        below, top = sides[0]
        return below, top, logits

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def read(self, examples: Sequence[Example], *, limit: int, generation: Generation | None = None) -> list[Reading]:
        """Gives losses and, row by row from scratch, outputs."""
        readings: list[Reading] = []
        for pack in self.split(examples, limit):
            losses = answer_losses(self.logits(pack), pack)
            outputs = self._generate(pack, generation) if generation else [()] * len(pack)
            readings += [Reading(loss, output) for loss, output in zip(losses, outputs, strict=True)]
        return readings

    def _generate(self, examples: Sequence[Example], generation: Generation) -> list[tuple[int, ...]]:
        longest = max(len(example.prompt) for example in examples)
        gaps = [longest - len(example.prompt) for example in examples]
        ids = torch.tensor([[generation.end] * gap + list(e.prompt) for gap, e in zip(gaps, examples, strict=True)])
        mask = torch.tensor([[0] * gap + [1] * (longest - gap) for gap in gaps])
        out = self._model.module.generate(
            ids.to(self._model.device),
            attention_mask=mask.to(self._model.device),
            generation_config=GenerationConfig(
                max_new_tokens=generation.cap,
                do_sample=False,
                eos_token_id=generation.end,
                pad_token_id=generation.end,
            ),
        )
        return [_until(row, generation.end) for row in out[:, longest:].tolist()]


def _until(tokens: list[int], end: int) -> tuple[int, ...]:
    return tuple(tokens[: tokens.index(end)] if end in tokens else tokens)


@contextmanager
def only_at(output_layer: nn.Module, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Lets only the states [row, column] through the output layer: logits of all tokens would not fit in memory."""

    def pick(_: nn.Module, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (states[0][rows.to(states[0].device), columns.to(states[0].device)][None],)

    hook = output_layer.register_forward_pre_hook(pick, prepend=True)
    try:
        yield
    finally:
        hook.remove()
