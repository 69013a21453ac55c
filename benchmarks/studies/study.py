"""What a study is: a question, how it is measured, how the answer is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Found: TypeAlias = dict[str, Any]
"""What a study measured, as JSON; the text and the picture are made of nothing else."""


@dataclass(frozen=True)
class Sources:
    """What studies are measured on.

    `pools` are tables of every combination, held out from all training; `data` is the folder of the datasets that they
    were made of. `most` limits the problems of each kind for a quick look; searches that ended are kept beside `rows`.
    """

    pools: tuple[Path, ...]
    data: Path
    most: int | None = None
    rows: Path | None = None

    def limit(self, wanted: int) -> int:
        """Gives how many problems are searched where a study wants so many."""
        return wanted if self.most is None else min(wanted, self.most)


@dataclass(frozen=True)
class Study:
    """A question about the search, measured by one command; a picture is optional."""

    measure: Callable[[Sources], Found]
    text: Callable[[Found], str]
    picture: Callable[[Found], str] | None = None


def table(head: tuple[str, ...], rows: Mapping[str, tuple[str, ...]]) -> str:
    """Gives a Markdown table with a row for each name.

    >>> print(table(("method", "regret"), {"random": ("0.4",)}))
    | method | regret |
    |---|---|
    | random | 0.4 |
    """
    lines = [head, *((name, *cells) for name, cells in rows.items())]
    text = ["| " + " | ".join(cells) + " |" for cells in lines]
    return "\n".join([text[0], "|" + "---|" * len(head), *text[1:]])
