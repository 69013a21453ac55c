"""One file per record, from which a journal can be made again."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import cast

from cotune.journal.database import insert_requests, insert_trial, load_attempts
from cotune.journal.errors import DiskFullError, JournalError
from cotune.journal.files import Files, read_object, write_object
from cotune.trial import Proposal, Record
from cotune.trial_json import JsonObject, proposal_from_json, proposal_to_json, trial_from_json

_FORMAT = 1

Attempts = Sequence[tuple[JsonObject, JsonObject]]
"""Ended attempts at one request: (trial, its per-example results)."""


def write_record(files: Files, group: int, number: int, proposal: Proposal, attempts: Attempts) -> None:
    """Writes one record's file whole, durably once it holds an attempt: until then the database has all of it.

    Raises:
        JournalError: the disk is full or refuses.
    """
    listed: list[JsonObject] = [{"trial": trial, "examples": examples} for trial, examples in attempts]
    write_object(
        files.record(number),
        {
            "format": _FORMAT,
            "number": number,
            "group": group,
            "proposal": proposal_to_json(proposal),
            "attempts": [*listed],
        },
        durable=bool(attempts),
    )


def import_records(connection: sqlite3.Connection, files: Files, numbers: Iterable[int]) -> None:
    """Adds to the journal what the records' files hold and the journal lacks.

    A batch of requests gets its files from the last to the first, before any of them runs. So a pending record behind
    a gap is of a batch that was cut short: it is dropped, and the batch will be proposed again as a whole.

    Raises:
        JournalError: a file is damaged.
    """
    known = {number for (number,) in connection.execute("SELECT number FROM requests")}
    for number in sorted(numbers):
        group, record, attempts = _read_record(files, number)
        if number not in known and number - 1 not in known and number > 0 and not attempts:
            files.record(number).unlink()
            continue
        if number not in known:
            insert_requests(connection, group, [record])
            known.add(number)
        for attempt in range(len(load_attempts(connection, number)), len(attempts)):
            insert_trial(connection, number, attempt + 1, *attempts[attempt])


def _read_record(files: Files, number: int) -> tuple[int, Record, Attempts]:
    found = read_object(files.record(number))
    try:
        listed = [cast("dict[str, JsonObject]", attempt) for attempt in cast("list[object]", found["attempts"])]
        attempts = [(attempt["trial"], attempt["examples"]) for attempt in listed]
        for trial, examples in attempts:
            trial_from_json(trial, examples)
        return (
            cast(int, found["group"]),
            Record(number, proposal_from_json(cast(JsonObject, found["proposal"]))),
            attempts,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JournalError(
            f"The file {str(files.record(number))!r} is damaged ({type(error).__name__}: {error}). "
            f"Move it away: its trial will be run again."
        ) from error


def is_readable(files: Files, number: int) -> bool:
    """Tells whether a record's file can be read, so that a pending one that cannot is written again."""
    try:
        read_object(files.record(number))
    except JournalError:
        return False
    return True


def try_write_record(files: Files, group: int, record: Record, attempts: Attempts) -> str | None:
    """Writes one record's file; gives the reason if that one file cannot be written while the disk can.

    Raises:
        DiskFullError: nothing can be written.
    """
    try:
        write_record(files, group, record.number, record.proposal, attempts)
    except DiskFullError:
        raise
    except JournalError as error:
        return str(error)
    return None
