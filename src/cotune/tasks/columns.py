"""Columns: which of a dataset's columns are the ones that its kind needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from cotune.task import Kind
from cotune.tasks.kinds import FORMATS, GUESSED
from cotune.tasks.kinds.format import Content, Layout, Values
from cotune.tasks.kinds.values import loose_text_of

ROW_COLUMNS = ("id", "group")
"""Columns that any row may have."""


@dataclass(frozen=True)
class Reader:
    """How the rows of one dataset are read: its kind, its layout, and its own name for each canonical column."""

    kind: Kind
    layout: Layout
    columns: Mapping[str, str]
    extra: tuple[str, ...] = ()

    def values(self, record: Values) -> dict[str, object]:
        """Gives the values of one record by canonical column."""
        return {canonical: record.get(own) for canonical, own in self.columns.items()}

    def read(self, values: Values) -> Content:
        """Gives what a row says.

        Raises:
            ValueError: the row breaks a rule of its kind.
        """
        content = self.layout.read(values)
        if not self.extra:
            return content
        extra = {name: loose_text_of(values, name) for name in self.extra}
        return content._replace(fields={**content.fields, **extra})


def find_reader(found: Sequence[str], *, kind: Kind | None, columns: Mapping[str, str]) -> Reader:
    """Gives the reader for rows with the columns `found`; `columns` wins over the usual names.

    Raises:
        ValueError: no layout of the kind (of any that columns tell, if None) fits; names what is needed and found.
    """
    for own in columns.values():
        if own not in found:
            near = get_close_matches(own, found, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"Column {own!r} is not in the data, which has {list(found)}.{hint}")
    asked = [kind] if kind else GUESSED
    readers = [reader for candidate in asked for reader in _fitting(candidate, found, columns)]
    if not readers:
        wanted = [f"{name}: {' + '.join(layout.needs)}" for name in asked for layout in FORMATS[name].layouts]
        remedy = "Name them under `columns`, as in `columns: {text: my_column}`."
        if kind is None and _fitting("text", found, columns):
            remedy += " To train on the texts alone, say `kind: text`."
        raise ValueError(f"The columns {list(found)} fit no dataset of the kinds {wanted}. {remedy}")
    return min(readers, key=lambda reader: len(reader.extra))


def _fitting(kind: Kind, found: Sequence[str], columns: Mapping[str, str]) -> list[Reader]:
    return [reader for layout in FORMATS[kind].layouts if (reader := _fit(kind, layout, found, columns))]


def _fit(kind: Kind, layout: Layout, found: Sequence[str], columns: Mapping[str, str]) -> Reader | None:
    usual = {**layout.may, **layout.needs, "id": ("id",)}
    own: dict[str, str] = {}
    for canonical, names in usual.items():
        name = columns.get(canonical) or next((name for name in names if name in found), None)
        if name is not None:
            own[canonical] = name
    if not all(canonical in own for canonical in layout.needs):
        return None
    extra = tuple(name for name in columns if name not in usual and name not in ROW_COLUMNS)
    return Reader(kind, layout, {**own, **columns}, extra)
