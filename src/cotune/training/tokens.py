"""Tokens of rows, made once per content, template and tokenizer, and kept between processes."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import torch

from cotune.task import Row, Task
from cotune.tasks import fingerprint
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.model import LanguageModel
from cotune.training.setup import SCORES_VERSION, Setup
from cotune.training.store import Store

LEAST_ROWS = 256
"""Fewer rows are sooner made than looked for."""


class StoredEncoder(Encoder):
    """An encoder that keeps the examples and answer lengths of many rows in a folder, beside the trunk's files.

    A key holds the digest of everything that tokens hang on: rows, template, labels, length, chat template, vocabulary,
    the tokenizer's library and SCORES_VERSION, which a change of rendering raises. Files are whole or absent, bounded
    with the trunk's, and a damaged one counts as absent (see `Store`).
    """

    def __init__(self, model: LanguageModel, *, style: str, cache: Path) -> None:
        """Makes an encoder for `model`; `cache` is the folder that the trunk's files are in as well.

        Raises:
            ValueError: see `Encoder`.
        """
        super().__init__(model.tokenizer, style=style)
        self._about = [SCORES_VERSION, model.fingerprint, self.is_chat, version("tokenizers"), version("transformers")]
        self._store = Store(memory_bytes=0, folder=cache / f"{model.fingerprint[:32]}-rows-tokens")

    def examples(self, task: Task, rows: Sequence[Row], *, max_length: int, keep_all: bool = False) -> list[Example]:
        """Gives `rows` as examples of at most `max_length` tokens, as `Encoder` does."""
        make = partial(super().examples, task, rows, max_length=max_length, keep_all=keep_all)
        if len(rows) < LEAST_ROWS or task.kind == "text":  # of these the whole texts are kept
            return make()
        return self._kept_examples(["examples", max_length, keep_all], task, rows, make)

    def texts(self, task: Task, rows: Sequence[Row]) -> list[Example]:
        """Gives unlabelled texts as examples of any length, as `Encoder` does."""
        make = partial(super().texts, task, rows)
        return make() if len(rows) < LEAST_ROWS else self._kept_examples(["texts"], task, rows, make)

    def answer_lengths(self, task: Task, rows: Sequence[Row]) -> list[int]:
        """Gives the length in tokens of each row's answer with its end."""
        if len(rows) < LEAST_ROWS:
            return super().answer_lengths(task, rows)
        lengths = super().answer_lengths
        made = self._kept(["lengths"], task, rows, lambda: torch.tensor(lengths(task, rows), dtype=torch.int32))
        return [int(length) for length in made]

    def _kept_examples(
        self, what: Sequence[object], task: Task, rows: Sequence[Row], make: Callable[[], list[Example]]
    ) -> list[Example]:
        made: list[Example] = []

        def packed() -> torch.Tensor:
            made.extend(make())
            return _pack(made, rows)

        found = self._kept(what, task, rows, packed)
        return made or list(_unpack(found.tolist(), task.name, rows))

    def _kept(
        self, what: Sequence[object], task: Task, rows: Sequence[Row], make: Callable[[], torch.Tensor]
    ) -> torch.Tensor:
        content = fingerprint(replace(task, rows={"train": tuple(rows)}))
        key = sha256(json.dumps([*self._about, *what, content]).encode()).hexdigest()
        found = self._store.take([key])
        if key in found:
            return found[key]
        made = make()
        self._store.put(key, made)
        self._store.flush()
        return made


def encoder_of(model: LanguageModel, setup: Setup) -> Encoder:
    """Gives the encoder of a study: one that keeps what it made, if there is a cache.

    Raises:
        ValueError: see `Encoder`.
    """
    if setup.cache is None:
        return Encoder(model.tokenizer, style=setup.train.prompt_style)
    return StoredEncoder(model, style=setup.train.prompt_style, cache=setup.cache)


def _pack(examples: Sequence[Example], rows: Sequence[Row]) -> torch.Tensor:
    """Gives examples as whole numbers: how many, each one's row, prompt, answer, cut and mark, then all tokens."""
    places = {row.id: place for place, row in enumerate(rows)}
    heads = [
        (places[example.id], len(example.prompt), len(example.answer), sum(example.cuts), int(example.truncated))
        for example in examples
    ]
    numbers = [len(examples), *(number for head in heads for number in head)]
    return torch.tensor([*numbers, *(token for example in examples for token in example.ids)], dtype=torch.int32)


def _unpack(numbers: list[int], name: str, rows: Sequence[Row]) -> Iterator[Example]:
    edges = range(1, 2 + 5 * numbers[0], 5)
    end = edges[-1]
    for start, stop in pairwise(edges):
        place, prompt, answer, cut, truncated = numbers[start:stop]
        middle, last = end + prompt, end + prompt + answer
        ids = tuple(numbers[end:middle]), tuple(numbers[middle:last])
        yield Example(name, rows[place].id, *ids, (cut,), truncated=bool(truncated))
        end = last
