"""Dataset specifications: what one entry of a pool says about where a dataset is and how to read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import get_args

from cotune.task import Kind, Split, Template, check_name

KINDS: tuple[Kind, ...] = get_args(Kind)
SPLITS: tuple[Split, ...] = get_args(Split)

SPLIT_NAMES: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "validation", "val"), "dev"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
"""Usual names of splits in files and on the hub."""

APART = "the search looks at dev and the report at test. Give each its own, or leave one out to have it made."
"""Why one split cannot serve two uses, and what to do: the end of an error."""

_KEY_NAMES = {"type": "kind", "license": "licence", "config": "subset", "data_files": "splits"}
_TEMPLATE_KEYS = tuple(item.name for item in fields(Template))


@dataclass(frozen=True)
class DatasetSpec:
    """Where one dataset is and how it is read; what is left out is found in the data or has a default.

    `path` is a file or glob (JSON lines, JSON, CSV, TSV, Parquet), a folder of such files named by split, a saved
    `datasets` folder, a hub id `org/name`, or `wheel:NAME`. `splits` maps train, dev, test to a file, glob or hub
    split. `columns` maps a canonical column (and any further field that the template names) to the dataset's own.
    `template` overrides instruction, prompt, separator or empty. `group` names a column whose equal values stay in one
    split. Missing splits are made with `seed`; `max_train_rows` keeps a seeded sample of the train rows.
    """

    name: str
    path: str
    kind: Kind | None = None
    splits: Mapping[Split, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    template: Mapping[str, str] = field(default_factory=dict)
    metric: str | None = None
    licence: str | None = None
    subset: str | None = None
    revision: str | None = None
    group: str | None = None
    max_train_rows: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.path or "\0" in self.path:
            raise ValueError(f"Dataset {self.name!r} needs a path: a file, a folder, a hub id or 'wheel:NAME'.")
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(_unknown(f"Dataset {self.name!r}: kind", self.kind, KINDS))
        for key in self.template:
            if key not in _TEMPLATE_KEYS:
                raise ValueError(_unknown(f"Dataset {self.name!r}: template part", key, _TEMPLATE_KEYS))
        _check_splits(self)
        if self.max_train_rows is not None and self.max_train_rows < 1:
            raise ValueError(f"Dataset {self.name!r}: max_train_rows is >= 1; got {self.max_train_rows}.")
        if self.seed < 0:
            raise ValueError(f"Dataset {self.name!r}: seed is >= 0; got {self.seed}.")


def dataset_spec(entry: Mapping[str, object]) -> DatasetSpec:
    """Gives the specification in one entry of a pool's `datasets` list.

    Besides the fields of DatasetSpec it takes the names that other tools use: `type` for kind, `split` for the split
    to train on, `data_files` for splits, `license`, and the template's parts without `template:` around them.

    Raises:
        ValueError: an unknown key or a value of the wrong type; names the nearest key.
    """
    values = {_KEY_NAMES.get(key, key): value for key, value in entry.items()}
    title = f"Dataset {values.get('name', entry)!r}"
    template = _texts(values.pop("template", None) or {}, f"{title}: template")
    template |= _texts({key: values.pop(key) for key in _TEMPLATE_KEYS if key in values}, title)
    splits = values.pop("splits", None) or {}
    splits = {"train": splits} if isinstance(splits, str) else _texts(splits, f"{title}: splits")
    if "split" in values:
        splits |= _texts({"train": values.pop("split")}, title)
    known = [item.name for item in fields(DatasetSpec)]
    for key in values:
        if key not in known:
            raise ValueError(_unknown(f"{title}: key", key, [*known, "split", *_TEMPLATE_KEYS]))
    for key in ("name", "path"):
        if not isinstance(values.get(key), str):
            raise ValueError(f"{title}: {key!r} is a text; got {values.get(key)!r}.")
    return DatasetSpec(
        name=str(values["name"]),
        path=str(values["path"]),
        kind=read_kind(values.get("kind"), title),
        splits=_splits(splits, title),
        columns=_texts(values.get("columns") or {}, f"{title}: columns"),
        labels=_names(values.get("labels"), f"{title}: labels"),
        roles=_names(values.get("roles"), f"{title}: roles"),
        template=template,
        metric=_text(values.get("metric"), f"{title}: metric"),
        licence=_text(values.get("licence"), f"{title}: licence"),
        subset=_text(values.get("subset"), f"{title}: subset"),
        revision=_text(values.get("revision"), f"{title}: revision"),
        group=_text(values.get("group"), f"{title}: group"),
        max_train_rows=_whole(values.get("max_train_rows"), f"{title}: max_train_rows"),
        seed=_whole(values.get("seed"), f"{title}: seed") or 0,
    )


def _splits(sources: Mapping[str, str], title: str) -> dict[Split, str]:
    for name in sources:
        if name not in SPLIT_NAMES:
            raise ValueError(_unknown(f"{title}: split", name, SPLITS))
    return {SPLIT_NAMES[name]: source for name, source in sources.items()}


def _check_splits(spec: DatasetSpec) -> None:
    used: dict[str, Split] = {}
    for split, source in spec.splits.items():
        if source in used:
            raise ValueError(
                f"Dataset {spec.name!r}: {split} and {used[source]} are the same split {source!r}, but {APART}"
            )
        used[source] = split


def read_kind(value: object, title: str) -> Kind | None:
    """Gives the kind that a file names, in full or as `pair`; None if it names none.

    Raises:
        ValueError: there is no such kind; begins with `title`.
    """
    if value is None:
        return None
    for kind in KINDS:
        if value in (kind, kind.removesuffix("_classification")):
            return kind
    raise ValueError(_unknown(f"{title}: kind", str(value), KINDS))


def _unknown(title: str, found: str, known: tuple[str, ...] | list[str]) -> str:
    near = get_close_matches(found, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{title} {found!r} is unknown; known are {list(known)}.{hint}"


def _text(value: object, title: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{title} is a text; got {value!r}.")


def _whole(value: object, title: str) -> int | None:
    if value is None or type(value) is int:
        return value
    raise ValueError(f"{title} is a whole number; got {value!r}.")


def _names(value: object, title: str) -> tuple[str, ...]:
    items = [] if value is None else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
        raise ValueError(f"{title} is a list of texts; got {value!r}.")
    if len(set(items)) < len(items):
        raise ValueError(f"{title} names each once; got {value!r}.")
    return tuple(str(item) for item in items)


def _texts(value: object, title: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{title} is a mapping from text to text; got {value!r}.")
    for key, item in value.items():
        if not isinstance(key, str) or not isinstance(item, str):
            raise ValueError(f"{title} is a mapping from text to text; got {key!r}: {item!r}.")
    return dict(value)
