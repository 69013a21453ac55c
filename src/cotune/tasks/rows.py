"""Rows: raw records read, checked and named."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from cotune.task import Row, Split
from cotune.tasks.columns import Reader
from cotune.tasks.kinds import FORMATS
from cotune.tasks.records import Record

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class NamedRows:
    """The rows of a dataset with the labels and roles that they may use."""

    rows: Mapping[Split, Sequence[Row]]
    labels: tuple[str, ...]
    roles: tuple[str, ...]


def read_rows(
    records: Mapping[Split, Sequence[Record]],
    reader: Reader,
    *,
    labels: tuple[str, ...] = (),
    roles: tuple[str, ...] = (),
) -> NamedRows:
    """Gives the rows of every split; `labels` and `roles` are those found, sorted, where they are not given.

    Ids are the column `id` where it names every row once; else rows are numbered.

    Raises:
        ValueError: a row breaks a rule of its kind or uses a label that is not listed; names file and line.
    """
    read = {split: [_row(record, reader, labels) for record in items] for split, items in records.items()}
    found_labels, found_roles = _check_names(records, read, reader, (labels, roles))
    if reader.kind == "ner" and not (labels or found_labels):
        raise ValueError("no row has an entity and no `labels` are given, so there is nothing to learn")
    return NamedRows(_with_ids(read, has_ids="id" in reader.columns), labels or found_labels, roles or found_roles)


def _row(record: Record, reader: Reader, labels: tuple[str, ...]) -> Row:
    values = reader.values(record.values)
    if labels and "label" in reader.layout.needs:
        values["label"] = _named_label(values["label"], labels)
    try:
        fields, answer, messages = reader.read(values)
    except ValueError as error:
        raise ValueError(f"{record.where}: {error}.") from None
    group, name = values.get("group"), values.get("id")
    return Row("" if name is None else str(name), fields, answer, "" if group is None else str(group), messages)


def _named_label(value: object, labels: tuple[str, ...]) -> object:
    """Gives the label that a number stands for; any other value as it is."""
    text = str(value)
    if text in labels or isinstance(value, bool) or not text.isdecimal() or int(text) >= len(labels):
        return value
    return labels[int(text)]


def _check_names(
    records: Mapping[Split, Sequence[Record]],
    rows: Mapping[Split, Sequence[Row]],
    reader: Reader,
    known: tuple[tuple[str, ...], tuple[str, ...]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found: tuple[set[str], set[str]] = (set(), set())
    names_of = FORMATS[reader.kind].names
    for split, items in rows.items():
        for row, record in zip(items, records[split], strict=True):
            for name, used, seen, allowed in zip(("label", "role"), names_of(row.answer), found, known, strict=True):
                unknown = sorted(used.difference(allowed)) if allowed else []
                if unknown:
                    near = get_close_matches(unknown[0], allowed, n=1)
                    hint = f" Did you mean {near[0]!r}?" if near else ""
                    raise ValueError(f"{record.where}: {name} {unknown[0]!r} is not listed in `{name}s`.{hint}")
                seen |= used
    return tuple(sorted(found[0])), tuple(sorted(found[1]))


def _with_ids(rows: Mapping[Split, Sequence[Row]], *, has_ids: bool) -> dict[Split, list[Row]]:
    ids = [row.id for items in rows.values() for row in items]
    if has_ids and all(ids) and len(set(ids)) == len(ids):
        return {split: list(items) for split, items in rows.items()}
    if has_ids:
        twice = next((name for name in ids if not name or ids.count(name) > 1), "")
        _LOG.warning("Column 'id' does not name each row once (%r); rows are numbered instead.", twice)
    return {
        split: [
            Row(f"{split}-{number}", row.fields, row.answer, row.group, row.messages)
            for number, row in enumerate(items, start=1)
        ]
        for split, items in rows.items()
    }
