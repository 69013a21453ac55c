"""Files and folders: which files hold which split, and what dataset.json says about them."""

import re
from collections.abc import Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path

from cotune.task import Split
from cotune.tasks.records import SUFFIXES, Record, decode_json, read_records, read_text
from cotune.tasks.source import Source
from cotune.tasks.spec import APART, SPLIT_NAMES, read_kind

DESCRIPTION = "dataset.json"
"""The file in a dataset's folder that describes it."""


def is_dataset_folder(folder: Path) -> bool:
    """Tells whether a folder has a description or files named by split."""
    return (folder / DESCRIPTION).is_file() or "train" in split_files(folder)


def split_files(folder: Path) -> dict[Split, list[Path]]:
    """Gives the data files of a folder by the split that each one's name begins with."""
    files: dict[Split, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        word = re.split(r"[-_.]", path.name.lower(), maxsplit=1)[0]
        if path.suffix.lower() in SUFFIXES and word in SPLIT_NAMES and path.is_file():
            files.setdefault(SPLIT_NAMES[word], []).append(path)
    return files


def read_folder(folder: Path, splits: Mapping[Split, str]) -> Source:
    """Gives the rows of a folder: of the files that `splits` names, else of the files named by split.

    Raises:
        FileNotFoundError: no file for a split that is named, or none at all.
        ValueError: a file or the description breaks a rule, or a file is of two splits.
    """
    named = {split: matching_files(folder, name) for split, name in splits.items()}
    files = named or split_files(folder)
    if not files:
        found = sorted(path.name for path in folder.iterdir())[:10]
        raise FileNotFoundError(
            f"{folder}: no files named by split, like train.jsonl or test.parquet; found {found}. "
            "Name them under `splits`."
        )
    _check_apart(files)
    records = {split: read_files(paths) for split, paths in files.items()}
    return _described(folder / DESCRIPTION, records)


def matching_files(folder: Path, name: str) -> list[Path]:
    """Gives the file of that name in a folder, or all that match the glob `name`, sorted.

    Raises:
        FileNotFoundError: there is none.
    """
    path = folder / name
    if has_magic(name) and not path.exists():
        paths = sorted(Path(match) for match in glob(str(path), recursive=True))
        if not paths:
            raise FileNotFoundError(f"{path}: no file matches.")
        return paths
    return [path]


def read_files(paths: Sequence[Path]) -> list[Record]:
    """Gives the rows of several files, one after another."""
    return [record for path in paths for record in read_records(path)]


def _check_apart(files: Mapping[Split, Sequence[Path]]) -> None:
    used: dict[Path, Split] = {}
    for split, paths in files.items():
        for path in paths:
            other = used.setdefault(path.resolve(), split)
            if other != split:
                raise ValueError(f"{path}: {split} and {other} are the same file, but {APART}")


def _described(path: Path, records: Mapping[Split, Sequence[Record]]) -> Source:
    if not path.is_file():
        return Source(records)
    about = decode_json(read_text(path), str(path))
    if not isinstance(about, dict):
        raise ValueError(f"{path}: a description is a JSON object {{...}}.")
    licence = about.get("licence", about.get("license", "unknown"))
    origin = " @ ".join(str(about[key]) for key in ("source", "commit") if about.get(key))
    return Source(
        records,
        kind=read_kind(about.get("task", about.get("kind")), str(path)),
        labels=_texts(about.get("labels"), path, "labels"),
        roles=_texts(about.get("roles"), path, "roles"),
        licence=str(licence),
        origin=origin,
        domain=str(about.get("domain", "")),
    )


def _texts(value: object, path: Path, key: str) -> tuple[str, ...]:
    items = [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{path}: {key!r} is a list of texts; found {value!r}.")
    return tuple(items)
