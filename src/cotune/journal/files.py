"""The files of a study's folder: where they lie, and how they are written whole or not at all."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cotune.journal.errors import JournalError, explained
from cotune.trial_json import JsonObject, dump

_TEMPORARY = ".tmp"


@dataclass(frozen=True)
class Files:
    """Paths inside one study's folder; all relative to it, so that it can be moved or copied."""

    folder: Path

    @property
    def database(self) -> Path:
        """The journal proper."""
        return self.folder / "journal.sqlite"

    @property
    def settings(self) -> Path:
        """Settings, data sets and seed of every group, for `rebuild`."""
        return self.folder / "settings.json"

    @property
    def log(self) -> Path:
        """What the study did, one JSON object a line."""
        return self.folder / "log.jsonl"

    @property
    def lock(self) -> Path:
        """The file whose lock makes its holder the only writer."""
        return self.folder / "lock"

    @property
    def trials(self) -> Path:
        """The folder with one file per record."""
        return self.folder / "trials"

    def record(self, number: int) -> Path:
        """The file of record `number`."""
        return self.trials / f"{number:06d}.json"

    def record_numbers(self) -> set[int]:
        """Numbers of the records that have a file; links and folders are none."""
        if not self.trials.is_dir():
            return set()
        with os.scandir(self.trials) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        stems = [name[: -len(".json")] for name in names if name.endswith(".json")]
        return {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}


def write_whole(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes `text` so that `path` holds either its old content or all of the new, if `durable` even after a power cut.

    Raises:
        JournalError: the disk is full or refuses.
    """
    temporary = path.with_name(path.name + _TEMPORARY)
    with explained(path):
        try:
            temporary.unlink(missing_ok=True)
            _write_new(temporary, text, durable=durable)
            temporary.replace(path)
        except OSError:
            if temporary.is_file():
                temporary.unlink()
            raise
        if durable:
            sync_folder(path.parent)


def _write_new(path: Path, text: str, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)  # EXCL: never through a link
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        if durable:
            os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_object(path: Path, value: JsonObject, *, durable: bool = True) -> None:
    """Writes a JSON object whole."""
    write_whole(path, dump(value) + "\n", durable=durable)


def read_object(path: Path) -> JsonObject:
    """Reads a JSON object.

    Raises:
        JournalError: the file is missing, unreadable or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise JournalError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    except ValueError as error:
        raise JournalError(f"The file {str(path)!r} is damaged: it is not JSON ({error}).") from error
    if not isinstance(value, dict):
        raise JournalError(f"The file {str(path)!r} is damaged: it holds no JSON object.")
    return cast(JsonObject, value)


def leftovers(files: Files) -> Iterator[Path]:
    """Yields half-written files that a killed program or a full disk left behind."""
    for folder in (files.folder, files.trials):
        yield from folder.glob(f"*{_TEMPORARY}*")
