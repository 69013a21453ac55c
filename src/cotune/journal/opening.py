"""What opening a journal settles before anything is written: its group, and that files and database agree."""

import sqlite3
from dataclasses import replace

from cotune.journal.database import (
    insert_datasets,
    insert_group,
    load_attempts,
    load_groups,
    load_numbers,
    load_record,
    transaction,
)
from cotune.journal.errors import JournalError, damaged
from cotune.journal.files import Files, read_object, write_object
from cotune.journal.groups import Group, differences
from cotune.journal.record_files import import_records, is_readable, try_write_record
from cotune.trial_json import Json, JsonObject


def refuse_lost_database(files: Files) -> None:
    """Refuses to start afresh beside the files of earlier trials.

    Raises:
        JournalError: there are record files, but the database is gone or empty.
    """
    is_there = files.database.exists() and files.database.stat().st_size > 0
    if not is_there and files.record_numbers():
        raise damaged(files.database, "it is missing or empty")


def enter_group(files: Files, connection: sqlite3.Connection, wanted: Group, *, allow: bool) -> Group:
    """Enters the journal's last group if its trials are comparable with `wanted`, else opens a new one.

    Raises:
        JournalError: they are not comparable, and a new group is not allowed; the message lists the differences.
    """
    groups = load_groups(connection)
    if groups and not (found := differences(groups[-1], wanted)):
        group = replace(wanted, number=groups[-1].number)
        with transaction(connection):
            insert_datasets(connection, group)
        return group
    if groups and not allow:
        raise JournalError(
            f"The trials in {str(files.folder)!r} were made under other conditions ({'; '.join(found)}), so new scores "
            f"cannot be compared with them. Restore the conditions, use another folder, or pass --allow to start a "
            f"new group there, which is never pooled with the old."
        )
    group = replace(wanted, number=len(groups))
    with transaction(connection):
        insert_group(connection, group)
    return group


def write_settings(files: Files, connection: sqlite3.Connection) -> None:
    """Writes settings.json, from which `rebuild` takes the groups, if it does not say what the journal says."""
    groups: list[Json] = [group.to_json() for group in load_groups(connection)]
    try:
        current: JsonObject | None = read_object(files.settings)
    except JournalError:
        current = None
    if current != {"groups": groups}:
        write_object(files.settings, {"groups": groups})


def match_files(files: Files, connection: sqlite3.Connection) -> None:
    """Copies to the database the attempts that only a file has, and to a file the records that only the database has.

    After a kill the database may lack the last attempt; after the loss of its write-ahead log, the last few.

    Raises:
        JournalError: a file that the database lacks is damaged, or the disk is full.
    """
    on_disk = files.record_numbers()
    known, unfinished = load_numbers(connection)
    unreadable = {number for number in on_disk & unfinished if not is_readable(files, number)}
    ahead = (on_disk - known) | (on_disk & unfinished - unreadable)
    if ahead:
        with transaction(connection):
            import_records(connection, files, ahead)
    for number in sorted(known - on_disk | unreadable):
        group, record = load_record(connection, number)
        try_write_record(files, group, record, load_attempts(connection, number))
