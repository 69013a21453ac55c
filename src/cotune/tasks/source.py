"""Sources: the raw rows of each split of a dataset, and what the source says about itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cotune.task import Kind, Split
from cotune.tasks.records import Record


@dataclass(frozen=True)
class Source:
    """Rows as they stand in files or on the hub, by split, with the source's own description."""

    records: Mapping[Split, Sequence[Record]]
    kind: Kind | None = None
    labels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    licence: str = "unknown"
    origin: str = ""
    domain: str = ""
