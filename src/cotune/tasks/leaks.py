"""Leaks: train texts that stand, exactly or nearly, in the dev or test rows of any dataset of the pool."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from cotune.task import Split, Task
from cotune.tasks.fingerprint import fingerprinted
from cotune.tasks.grouping import row_texts
from cotune.tasks.similar import similar_pairs

SHORT_WORDS = 5
"""Texts of fewer words are headings and stock phrases: their leaks are told, but not dropped unless asked."""

NEAR = 0.8
"""Similarity from which two texts are nearly equal."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, order=True)
class Leak:
    """A train row one of whose texts stands in a dev or test row of the same or another dataset.

    `similarity` is the Jaccard similarity of the texts' sets of neighbouring word pairs, 1 for an exact leak; `words`
    counts the words of the train text.
    """

    train_task: str
    train_id: str
    other_task: str
    split: Split
    other_id: str
    kind: Literal["exact", "near"]
    similarity: float
    words: int

    @property
    def is_short(self) -> bool:
        """Whether the text has fewer than five words."""
        return self.words < SHORT_WORDS


class _Text(NamedTuple):
    task: str
    split: Split
    row: str
    key: str
    words: tuple[str, ...]
    length: int


def find_leaks(tasks: Sequence[Task], *, near: float = NEAR) -> list[Leak]:
    """Gives the leaks from train rows into dev and test rows, within and between the datasets of a pool, sorted.

    Each text of a row is compared with each; answers are not. Texts are equal if their letters and digits are, whatever
    the case; texts of five words or more are nearly equal if the Jaccard similarity of their sets of neighbouring word
    pairs is at least `near` (Broder, "On the resemblance and containment of documents", 1997; computed exactly here,
    and on pairs of words because sentences are short). Takes seconds for tens of thousands of rows.
    """
    train, held = _texts(tasks, ["train"]), _texts(tasks, ["dev", "test"])
    by_key: dict[str, list[_Text]] = defaultdict(list)
    for other in held:
        by_key[other.key].append(other)
    leaks = {_leak(text, other, "exact", 1.0) for text in train for other in by_key.get(text.key, ())}
    long, others = ([text for text in side if text.length >= SHORT_WORDS] for side in (train, held))
    for one, two, similarity in similar_pairs([x.words for x in long], [x.words for x in others], near):
        if long[one].key != others[two].key:
            leaks.add(_leak(long[one], others[two], "near", similarity))
    return sorted(leaks)


def drop_leaks(tasks: Sequence[Task], leaks: Iterable[Leak], *, short: bool = False) -> tuple[Task, ...]:
    """Gives the tasks without the train rows that leak; texts of fewer than five words stay unless `short`.

    Fingerprints are made anew.

    Raises:
        ValueError: a dataset would have no train rows left.
    """
    dropped: dict[str, set[str]] = defaultdict(set)
    for leak in leaks:
        if short or not leak.is_short:
            dropped[leak.train_task].add(leak.train_id)
    return tuple(_without(task, dropped[task.name]) if task.name in dropped else task for task in tasks)


def _without(task: Task, ids: set[str]) -> Task:
    kept = tuple(row for row in task.rows["train"] if row.id not in ids)
    if not kept:
        raise ValueError(f"Dataset {task.name!r}: all {len(ids)} train rows stand in dev or test rows of the pool.")
    return fingerprinted(replace(task, rows={**task.rows, "train": kept}))


def text_key(text: str) -> str:
    """Gives the letters and digits of a text without case, by which texts are equal; the whole text if it has none."""
    return "".join(_WORD.findall(text.casefold())) or text


def _texts(tasks: Sequence[Task], splits: Sequence[Split]) -> list[_Text]:
    texts = []
    for task in tasks:
        for split in splits:
            for row in task.rows.get(split, ()):
                for text in row_texts(row):
                    words = tuple(_WORD.findall(text.casefold()))
                    texts.append(_Text(task.name, split, row.id, text_key(text), words, len(text.split())))
    return texts


def _leak(text: _Text, other: _Text, kind: Literal["exact", "near"], similarity: float) -> Leak:
    return Leak(text.task, text.row, other.task, other.split, other.row, kind, similarity, text.length)
