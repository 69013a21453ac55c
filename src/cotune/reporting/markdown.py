"""Markdown text and tables from values that nobody checked."""

import re
from collections.abc import Sequence

_SIGNS = re.compile(r"([\\`*_\[\]<>|#~])")


def escape(words: str) -> str:
    r"""Gives words on one line with Markdown's and HTML's signs made plain.

    >>> print(escape("a|b <i>"))
    a\|b \<i\>
    """
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())
    return _SIGNS.sub(r"\\\1", line)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Gives a table; its cells are escaped."""
    lines = [columns, ["---"] * len(columns), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
