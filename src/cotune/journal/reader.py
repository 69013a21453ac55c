"""Reading a journal without its lock, also while a study writes it."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cotune.journal.database import check_version, load_groups, load_records
from cotune.journal.errors import JournalError, explained
from cotune.journal.files import Files
from cotune.journal.groups import Group
from cotune.journal.log import LogEntry, read_log
from cotune.trial import Record
from cotune.trial_json import Json


@dataclass(frozen=True)
class JournalView:
    """What a journal's current group held when it was read: records in order, log, and what its trials share."""

    folder: Path
    records: tuple[Record, ...]
    log: tuple[LogEntry, ...]
    current: Group

    @property
    def settings(self) -> "dict[str, Json]":
        """The settings that the group's trials share."""
        return dict(self.current.settings)

    @property
    def datasets(self) -> dict[str, str]:
        """Fingerprint of each data set, by name."""
        return dict(self.current.datasets)

    @property
    def seed(self) -> int:
        """The seed of the search."""
        return self.current.seed

    @property
    def group(self) -> int:
        """The group's number; trials of other groups are never shown with it."""
        return self.current.number

    def logged(self, kind: str) -> list[LogEntry]:
        """Gives the log entries of one kind, oldest first."""
        return [entry for entry in self.log if entry.kind == kind]


def read_journal(folder: str | Path, *, examples: bool = True) -> JournalView:
    """Reads the current group of the journal in `folder`; without `examples` no per-example results (fast).

    Raises:
        FileNotFoundError: there is no journal.
        JournalError: it is damaged, or of a newer version.
    """
    files = Files(Path(folder))
    if not files.database.is_file():
        raise FileNotFoundError(f"There is no study in {str(folder)!r} (no {files.database.name}); run one first.")
    with explained(files.database):
        connection = _connect(files.database)
        try:
            connection.execute("BEGIN")  # all reads see one moment
            check_version(files.database, connection)
            groups = load_groups(connection)
            if not groups:
                raise JournalError(f"The journal {str(files.database)!r} is empty: its study never started.")
            records = load_records(connection, groups[-1].number, examples=examples)
        finally:
            connection.close()
    return JournalView(files.folder, tuple(records), read_log(files.log, groups[-1].number), groups[-1])


def _connect(path: Path) -> sqlite3.Connection:
    """Opens for reading; a closed journal on a read-only disk is opened as unchanging, since WAL wants to write."""
    address = f"file:{quote(str(path.absolute()))}"
    try:
        connection = sqlite3.connect(f"{address}?mode=ro", uri=True, isolation_level=None, timeout=60)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists():
            raise
        connection = sqlite3.connect(f"{address}?immutable=1", uri=True, isolation_level=None)
    return connection
