"""Groups: rows that one split keeps together because their texts or their group column are equal."""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from cotune.task import Row

_NOT_LETTERS = re.compile(r"[\W\d_]+")


def row_texts(row: Row) -> tuple[str, ...]:
    """Gives the texts of a row: its fields; for a chat, the turns before the answer but the system's, as one text."""
    if row.messages:
        return ("\n".join(content for role, content in row.messages if role != "system"),)
    return tuple(row.fields.values())


def letters(text: str) -> str:
    """Gives the letters of a text without case; the whole text if it has none."""
    return _NOT_LETTERS.sub("", text).casefold() or text


def group_rows(rows: Sequence[Row]) -> list[str]:
    """Gives each row's group: rows with the same `group`, or the same letters in all fields, are in one.

    A group is named by what its first row says.
    """
    parent = list(range(len(rows)))
    first: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        for key in _keys(row):
            other = _root(parent, first.setdefault(key, index))
            mine = _root(parent, index)
            parent[max(mine, other)] = min(mine, other)
    return [_name(rows[_root(parent, index)]) for index in range(len(rows))]


def _keys(row: Row) -> Iterable[tuple[str, str]]:
    yield "text", "\n".join(map(letters, row_texts(row)))
    if row.group:
        yield "group", row.group


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def _name(row: Row) -> str:
    if row.group:
        return row.group
    return blake2b("\n".join(map(letters, row_texts(row))).encode(), digest_size=8).hexdigest()


def sizes(groups: Iterable[str]) -> Mapping[str, int]:
    """Gives how many rows each group has, in order of first appearance."""
    counts: dict[str, int] = {}
    for group in groups:
        counts[group] = counts.get(group, 0) + 1
    return counts
