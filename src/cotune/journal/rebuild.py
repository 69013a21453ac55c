"""Making a journal again from the files of its records."""

import sqlite3
from pathlib import Path
from typing import cast

from cotune.journal.database import insert_group, open_writer, transaction
from cotune.journal.errors import JournalError, explained
from cotune.journal.files import Files, read_object, sync_folder
from cotune.journal.folder import prepare_folder, remove_leftovers
from cotune.journal.groups import Group, group_from_json
from cotune.journal.lock import WriterLock
from cotune.journal.record_files import import_records
from cotune.trial_json import JsonObject


def rebuild(folder: str | Path) -> None:
    """Makes the journal in `folder` again from settings.json and trials/, equal to the lost one.

    The old SQLite file is kept aside as journal.sqlite.damaged (or .damaged-2, ...), the log stays.

    Raises:
        JournalError: settings.json or a trial's file is damaged, the disk is full, the study is being run.
    """
    files = Files(Path(folder))
    if not files.settings.is_file():
        raise JournalError(f"There is nothing to rebuild in {str(folder)!r}: it has no {files.settings.name}.")
    prepare_folder(files)
    lock = WriterLock(files.lock)
    try:
        remove_leftovers(files)
        fresh = files.folder / "journal.sqlite.tmp"  # a leftover if this is cut short
        with explained(fresh):
            _fill(files, fresh)
        with explained(files.database):
            _set_aside(files)
            fresh.replace(files.database)
            sync_folder(files.folder)
    finally:
        lock.release()


def _fill(files: Files, fresh: Path) -> None:
    groups = _read_groups(files)
    connection = open_writer(fresh, wait_seconds=5)
    try:
        with transaction(connection):
            _insert_all(files, groups, connection)
    finally:
        connection.close()  # brings the write-ahead log into the file


def _insert_all(files: Files, groups: list[Group], connection: sqlite3.Connection) -> None:
    for group in groups:
        insert_group(connection, group)
    import_records(connection, files, files.record_numbers())


def _read_groups(files: Files) -> list[Group]:
    try:
        found = cast("list[JsonObject]", read_object(files.settings)["groups"])
        return [group_from_json(group) for group in found]
    except (KeyError, TypeError) as error:
        raise JournalError(f"The file {str(files.settings)!r} is damaged: it lists no groups.") from error


def _set_aside(files: Files) -> None:
    count = 1
    while (aside := files.folder / f"journal.sqlite.damaged{'' if count == 1 else f'-{count}'}").exists():
        count += 1
    for ending in ("-wal", "-shm", ""):
        part = files.database.with_name(files.database.name + ending)
        if part.exists():
            part.replace(aside.with_name(aside.name + ending))
