"""Standard output of the commands: text for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeAlias

from cotune.mixture import Mixture

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"


def print_json(value: Json) -> None:
    """Prints one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_text(text: str = "") -> None:
    """Prints text on standard output as it is."""
    sys.stdout.write(text + "\n")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table whose columns are as wide as they need; columns of numbers are set to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    right = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))]
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(row, widths, right, strict=True)
        ]
        print_text("  ".join(cells).rstrip())


def _is_number(cell: str) -> bool:
    return not cell or cell[0] in "+-.0123456789"


def shorten(text: str, width: int) -> str:
    """Gives `text` cut to `width` characters."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def duration(seconds: float) -> str:
    """Gives a time as a person says it.

    >>> [duration(seconds) for seconds in (42, 600, 9000)]
    ['42 s', '10 min', '2.5 h']
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def batches(size: int) -> str:
    """Gives in words how many fine-tunings are proposed together."""
    return "one fine-tuning at a time" if size == 1 else f"{size} fine-tunings at a time"


def plain(value: object) -> Json:
    """Gives a dataclass of plain data as JSON; a mixture as its parts.

    Raises:
        TypeError: it holds something else.
    """
    if isinstance(value, Mixture):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(vars(value)[field.name]) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form.")
