"""Marked lists: strings joined by separators, with a backslash where a string itself looks like one."""

import re
from collections.abc import Sequence
from functools import lru_cache

FIELD_MARK = " | "
"""Parts the fields of a relation or an event."""

NAME_MARK = ": "
"""Parts a type or role from its string."""


def mark_escaped(text: str, marks: Sequence[str]) -> str:
    r"""Gives `text` with a backslash before each sign at which, or with what follows, one of `marks` could begin.

    `text` is followed by one of the marks or by the end. The marks are told apart by their signs (one has `;`, one `|`,
    one `:`), so a text cannot complete a mark other than the one that follows it.

    >>> mark_escaped("a; b", ["; "])
    'a\\; b'
    """
    if {"\\", *"".join(marks)}.difference(" ").isdisjoint(text):
        return text
    endings = [text, *(text + mark for mark in marks)]
    escaped = []
    for index, sign in enumerate(text):
        begins = any(ending.startswith(mark, index) for ending in endings for mark in marks)
        escaped.append("\\" + sign if begins or sign == "\\" else sign)
    return "".join(escaped)


def split_marked(text: str, marks: Sequence[str]) -> tuple[list[str], list[str]]:
    r"""Gives the strings of a marked list, unescaped and without outer white space, with the marks between them.

    >>> split_marked("a\\; b; c: d", ["; ", ": "])
    (['a; b', 'c', 'd'], ['; ', ': '])
    """
    strings, found = [""], []
    for match in _pattern(tuple(marks)).finditer(text):
        escaped, mark = match.group(1), match.group(2)
        if mark is not None:
            found.append(mark)
            strings.append("")
        else:
            strings[-1] += match.group() if escaped is None else escaped
    return [string.strip() for string in strings], found


@lru_cache(maxsize=256)
def _pattern(marks: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(map(re.escape, sorted(marks, key=len, reverse=True)))
    first = re.escape("".join(mark[0] for mark in marks))
    return re.compile(rf"\\(.)|({either})|[^\\{first}]+|.", re.DOTALL)


def split_items(text: str, marks: Sequence[str], separator: str) -> list[tuple[list[str], list[str]]]:
    """Gives the items of a marked list that `separator` parts, each as its strings and the marks between them."""
    strings, found = split_marked(text, [separator, *marks])
    items: list[tuple[list[str], list[str]]] = [([strings[0]], [])]
    for mark, string in zip(found, strings[1:], strict=True):
        if mark == separator:
            items.append(([string], []))
        else:
            items[-1][0].append(string)
            items[-1][1].append(mark)
    return items


def write_answer(items: Sequence[str], separator: str, empty: str) -> str:
    """Gives the text of an extraction answer from its escaped items; a lone item that reads like `empty` is escaped."""
    if not items:
        return empty
    text = separator.join(items)
    return "\\" + text if text == empty else text


def answer_line(output: str, separator: str) -> str:
    """Gives the part of a model's output that can be an extraction answer: its first line, unless lines part items."""
    text = output.strip()
    return text if "\n" in separator else text.split("\n", 1)[0].strip()
