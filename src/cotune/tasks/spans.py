"""Occurrences of strings in a text, and which predicted string stands for which of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and end of a piece of text, in characters; the end is one past the last."""

NOWHERE: Span = (-1, -1)
"""The span of a string that the text lacks, or lacks once more."""

_SPACES = {code: " " for code in range(0x3001) if chr(code).isspace()}


def flat(text: str) -> str:
    """Gives `text` with each white-space character as one plain space; positions stay."""
    return text.translate(_SPACES)


def occurrences(text: str, string: str) -> list[Span]:
    """Gives the places of `string` from the left, at word boundaries if it has any there, else anywhere."""
    places = list(_places(text, string))
    whole = [span for span in places if not _cuts_word(text, span)]
    chosen, end = [], 0
    for span in whole or places:
        if span[0] >= end:
            chosen.append(span)
            end = span[1]
    return chosen


def _places(text: str, string: str) -> Iterator[Span]:
    start = text.find(string) if string else -1
    while start >= 0:
        yield start, start + len(string)
        start = text.find(string, start + 1)


def _cuts_word(text: str, span: Span) -> bool:
    start, end = span
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return before or after


def first_place(text: str, string: str) -> int:
    """Gives where `string` first stands in `text`; behind the end if nowhere. Orders answers by position."""
    places = occurrences(text, string)
    return places[0][0] if places else len(text)


def locate(text: str, strings: Sequence[str]) -> list[Span]:
    """Gives the span of each string: the k-th equal string is the k-th occurrence from the left.

    Longer strings are placed first, and places inside them do not count as occurrences of a shorter one ("cancer" is
    not found inside a listed "breast cancer"); where no other place is left, they do count (nested spans). A string
    listed more often than it occurs gets NOWHERE.
    """
    indices: dict[str, list[int]] = defaultdict(list)
    for index, string in enumerate(strings):
        indices[string].append(index)
    spans = [NOWHERE] * len(strings)
    taken: list[Span] = []
    for string in sorted(indices, key=len, reverse=True):
        places = occurrences(text, string)
        free = [span for span in places if not any(span[0] < end and start < span[1] for start, end in taken)]
        nested = [span for span in places if span not in free]
        for index, span in zip(indices[string], free + nested, strict=False):
            spans[index] = span
            taken.append(span)
    return spans
