"""The datasets library: folders that it saved, and datasets on the Hugging Face hub, as records."""

import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from cotune.task import Split
from cotune.tasks.records import Record
from cotune.tasks.source import Source
from cotune.tasks.spec import SPLIT_NAMES, DatasetSpec

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def is_hub_id(path: str) -> bool:
    """Tells whether a path can be the id of a hub dataset: `org/name`, or one word."""
    return re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", path) is not None and ".." not in path


def is_saved_folder(folder: Path) -> bool:
    """Tells whether the datasets library saved this folder (`save_to_disk`)."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def read_saved(folder: Path, spec: DatasetSpec) -> Source:
    """Gives the rows of a folder that `save_to_disk` wrote.

    Raises:
        ValueError: the folder is damaged or lacks a split that is named.
    """
    from datasets import Dataset, load_from_disk

    try:
        loaded = load_from_disk(str(folder))
    except Exception as error:
        raise ValueError(f"{folder}: not a readable saved dataset ({_first_line(error)}).") from error
    return _source({"train": loaded} if isinstance(loaded, Dataset) else loaded, spec, spec.path)


def read_hub(spec: DatasetSpec) -> Source:
    """Gives the rows of a hub dataset, from the cache or over the network; never runs code of the dataset.

    With HF_HUB_OFFLINE=1 only the cache is asked.

    Raises:
        ValueError: it cannot be had, or lacks a split that is named.
    """
    try:
        from datasets import load_dataset
    except ImportError:
        raise ModuleNotFoundError(f"Dataset {spec.path!r} needs the package datasets: pip install datasets") from None
    if not _is_cached(spec.path) and not _can_ask_hub():
        raise ValueError(f"{spec.path!r} is no local file, is not in the cache, and the hub cannot be reached.")
    try:
        loaded = load_dataset(spec.path, spec.subset, revision=spec.revision)
    except Exception as error:
        remedy = "Check the id, `subset` and `revision`, and the network; HF_HUB_OFFLINE=1 allows the cache only."
        raise ValueError(
            f"{spec.path!r} is no local file and no hub dataset ({_first_line(error)}). {remedy}"
        ) from error
    return _source(loaded, spec, f"https://huggingface.co/datasets/{spec.path}")


def _is_cached(path: str) -> bool:
    from datasets import config

    return (Path(config.HF_DATASETS_CACHE) / path.replace("/", "___")).is_dir() or Path(path).exists()


def _can_ask_hub() -> bool:
    """Tells within seconds whether the hub may answer; the library itself would retry for half a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    address = urlsplit(constants.ENDPOINT)
    if getproxies():
        return True
    try:
        socket.create_connection((address.hostname or "", address.port or 443), timeout=3).close()
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"


def _source(loaded: "Mapping[str, Dataset] | DatasetDict", spec: DatasetSpec, origin: str) -> Source:
    own = spec.splits or _usual_splits(list(loaded))
    missing = [name for name in own.values() if name not in loaded]
    if missing or not own:
        raise ValueError(f"{spec.path}: there is no split {missing}; it has {list(loaded)}. Name it under `splits`.")
    records: dict[Split, list[Record]] = {}
    for split, name in own.items():
        rows = list(_records(loaded[name], f"{spec.path}[{name}]"))
        if rows:
            records[split] = rows
    dataset = loaded[own["train"]] if "train" in own else next(iter(loaded.values()))
    return Source(records, licence=dataset.info.license or "unknown", origin=origin)


def _usual_splits(names: list[str]) -> dict[Split, str]:
    found: dict[Split, str] = {}
    for name in names:
        if name in SPLIT_NAMES:
            found.setdefault(SPLIT_NAMES[name], name)
    return found or {"train": names[0]}


def _records(dataset: "Dataset", where: str) -> Iterator[Record]:
    classes = {column: feature for column, feature in dataset.features.items() if _has_classes(feature)}
    for number, row in enumerate(dataset):
        values = dict(row)
        if any(values[column] == -1 for column in classes):
            continue  # the hub's mark for a row whose label is kept secret
        values.update({column: _named(feature, values[column]) for column, feature in classes.items()})
        yield Record(f"{where} row {number}", values)


def _has_classes(feature: object) -> bool:
    from datasets import ClassLabel, List

    if isinstance(feature, List):
        return _has_classes(feature.feature)
    if isinstance(feature, Mapping):
        return any(map(_has_classes, feature.values()))
    return isinstance(feature, ClassLabel) and bool(feature.names)


def _named(feature: object, value: object) -> object:
    """Gives `value` with the name of each class in place of its number."""
    from datasets import ClassLabel, List

    if isinstance(feature, List) and isinstance(value, list):
        return [_named(feature.feature, item) for item in value]
    if isinstance(feature, Mapping) and isinstance(value, Mapping):
        return {name: _named(feature[name], item) for name, item in value.items()}
    return feature.names[value] if isinstance(feature, ClassLabel) and isinstance(value, int) else value
