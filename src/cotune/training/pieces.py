"""Pieces: a text as examples that are no longer than rows may be."""

from collections.abc import Sequence
from dataclasses import replace

from cotune.training.example import Example

MARK = "#"
"""Stands between a text's id and the number of a piece."""


def pieces(texts: Sequence[Example], max_length: int) -> list[Example]:
    """Gives each text as examples of at most `max_length` tokens, consecutive and without overlap.

    Together they hold the text's tokens, each once, after its prompt, which every piece has; the last has the end. The
    first keeps the text's id, the second is "id#2"; where an id holds the mark, it is lengthened for all.

    >>> [piece.answer for piece in pieces([Example("t", "a", (0,), (1, 2, 3, 0))], 3)]
    [(1, 2), (3, 0)]
    """
    mark = MARK
    while any(mark in text.id for text in texts):
        mark += MARK
    return [piece for text in texts for piece in _pieces(text, max_length - len(text.prompt), mark)]


def beginnings(texts: Sequence[Example], max_length: int) -> list[Example]:
    """Gives the first `max_length` tokens of each text, marked as truncated where there are more."""
    return [
        text
        if text.tokens <= max_length
        else replace(text, answer=text.answer[: max_length - len(text.prompt)], truncated=True)
        for text in texts
    ]


def _pieces(text: Example, room: int, mark: str) -> list[Example]:
    first, *others = (text.answer[start : start + room] for start in range(0, len(text.answer), room))
    later = [replace(text, id=f"{text.id}{mark}{number}", answer=part) for number, part in enumerate(others, start=2)]
    return [replace(text, answer=first), *later]
