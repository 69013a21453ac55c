"""The journal's SQLite file: schema, opening, and the few statements that read or append."""

import gc
import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from cotune.journal.errors import JournalError, damaged, explained
from cotune.journal.groups import Group
from cotune.trial import Record, Trial
from cotune.trial_json import (
    JsonObject,
    dump,
    examples_to_json,
    proposal_from_json,
    proposal_to_json,
    trial_from_json,
    trial_to_json,
)

VERSION = 1
"""Raised by hand whenever the schema or the JSON in it changes."""

_SCHEMA = (
    "CREATE TABLE groups (number INTEGER PRIMARY KEY, settings TEXT NOT NULL, seed INTEGER NOT NULL)",
    "CREATE TABLE datasets (group_number INTEGER, name TEXT, fingerprint TEXT NOT NULL, "
    "PRIMARY KEY (group_number, name))",
    "CREATE TABLE requests (number INTEGER PRIMARY KEY, group_number INTEGER NOT NULL, proposal TEXT NOT NULL)",
    "CREATE TABLE trials (number INTEGER, attempt INTEGER, trial TEXT NOT NULL, PRIMARY KEY (number, attempt))",
    "CREATE TABLE examples (number INTEGER, attempt INTEGER, results BLOB NOT NULL, PRIMARY KEY (number, attempt))",
    f"PRAGMA user_version = {VERSION}",
)

_LATEST = """
    SELECT r.number, r.proposal, coalesce(t.attempt, 0), t.trial, {results}
    FROM requests r
    LEFT JOIN trials t ON t.number = r.number AND t.attempt = (SELECT max(attempt) FROM trials WHERE number = r.number)
    {join} WHERE r.group_number = ? ORDER BY r.number
"""
_WITHOUT_EXAMPLES = _LATEST.format(results="NULL", join="")
_WITH_EXAMPLES = _LATEST.format(
    results="e.results", join="LEFT JOIN examples e ON e.number = t.number AND e.attempt = t.attempt"
)


def open_writer(path: Path, *, wait_seconds: float) -> sqlite3.Connection:
    """Opens the journal for writing, makes it if it is new, and checks that it is whole.

    Raises:
        JournalError: damaged, of a newer version, not a journal, locked, full disk.
    """
    with explained(path):
        connection = sqlite3.connect(path, timeout=wait_seconds, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _check_whole(path, connection)
            if not _has_tables(connection):
                _create(connection)
            check_version(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _check_whole(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, found)
    is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if not is_busy and path.stat().st_size < pages * size:  # SQLite reads the missing end as zeros
        raise damaged(path, "its end is missing")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _create(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for statement in _SCHEMA:
            connection.execute(statement)


def check_version(path: Path, connection: sqlite3.Connection) -> None:
    """Checks that this version of cotune can read the journal.

    Raises:
        JournalError: it is of a newer version, or some other program's database.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalError(
            f"The journal {str(path)!r} was written by a newer cotune (format {version}; this one reads up to "
            f"{VERSION}). Upgrade cotune, or use another folder."
        )
    if version < 1:
        raise JournalError(f"{str(path)!r} is a database, but no journal of cotune; use another folder.")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits all that is executed inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back on a full disk
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def insert_group(connection: sqlite3.Connection, group: Group) -> None:
    """Appends a group with its data sets."""
    connection.execute("INSERT INTO groups VALUES (?, ?, ?)", (group.number, dump(dict(group.settings)), group.seed))
    insert_datasets(connection, group)


def insert_datasets(connection: sqlite3.Connection, group: Group) -> None:
    """Appends those data sets of a group that it did not have yet."""
    rows = [(group.number, name, mark) for name, mark in group.datasets.items()]
    connection.executemany("INSERT OR IGNORE INTO datasets VALUES (?, ?, ?)", rows)


def load_groups(connection: sqlite3.Connection) -> list[Group]:
    """Gives all groups, the current one last."""
    rows = connection.execute("SELECT number, settings, seed FROM groups ORDER BY number").fetchall()
    marks = "SELECT name, fingerprint FROM datasets WHERE group_number = ? ORDER BY rowid"
    return [
        Group(number, json.loads(settings), dict(connection.execute(marks, (number,)).fetchall()), seed)
        for number, settings, seed in rows
    ]


def insert_requests(connection: sqlite3.Connection, group: int, records: Sequence[Record]) -> None:
    """Appends proposals."""
    rows = [(record.number, group, dump(proposal_to_json(record.proposal))) for record in records]
    connection.executemany("INSERT INTO requests VALUES (?, ?, ?)", rows)


def insert_trial(
    connection: sqlite3.Connection, number: int, attempt: int, trial: JsonObject, examples: JsonObject
) -> None:
    """Appends one ended attempt with its per-example results."""
    connection.execute("INSERT INTO trials VALUES (?, ?, ?)", (number, attempt, dump(trial)))
    if examples:
        packed = zlib.compress(dump(examples).encode())
        connection.execute("INSERT INTO examples VALUES (?, ?, ?)", (number, attempt, packed))


def load_records(connection: sqlite3.Connection, group: int, *, examples: bool) -> list[Record]:
    """Gives the records of a group in order, each with its latest attempt; per-example results only if asked."""
    rows = connection.execute(_WITH_EXAMPLES if examples else _WITHOUT_EXAMPLES, (group,)).fetchall()
    with _without_collection():
        return [_record(*row) for row in rows]


@contextmanager
def _without_collection() -> Iterator[None]:
    """Holds garbage collection while many objects without cycles are made: it would walk them all, again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _record(number: int, proposal: str, attempts: int, trial: str | None, results: bytes | None) -> Record:
    asked = proposal_from_json(json.loads(proposal))
    if trial is None:
        return Record(number, asked)
    return Record(number, asked, trial_from_json(json.loads(trial), _unpack(results), request=asked.request), attempts)


def load_numbers(connection: sqlite3.Connection) -> tuple[set[int], set[int]]:
    """Gives the numbers of all requests and of those without a finished trial."""
    known = {number for (number,) in connection.execute("SELECT number FROM requests")}
    finished = connection.execute("SELECT number FROM trials WHERE json_extract(trial, '$.error') IS NULL")
    return known, known - {number for (number,) in finished}


def load_record(connection: sqlite3.Connection, number: int) -> tuple[int, Record]:
    """Gives the group and the record of one request, without its trial."""
    query = "SELECT group_number, proposal FROM requests WHERE number = ?"
    group, proposal = connection.execute(query, (number,)).fetchone()
    return group, Record(number, proposal_from_json(json.loads(proposal)))


def load_attempts(connection: sqlite3.Connection, number: int) -> list[tuple[JsonObject, JsonObject]]:
    """Gives all ended attempts at one request: trials and per-example results, as JSON objects."""
    query = (
        "SELECT t.trial, e.results FROM trials t LEFT JOIN examples e ON e.number = t.number AND e.attempt = t.attempt "
        "WHERE t.number = ? ORDER BY t.attempt"
    )
    return [(json.loads(trial), _unpack(results)) for trial, results in connection.execute(query, (number,))]


def next_number(connection: sqlite3.Connection) -> int:
    """Gives the number of the next request; numbers run on over groups."""
    return int(connection.execute("SELECT coalesce(max(number) + 1, 0) FROM requests").fetchone()[0])


def split(trial: Trial) -> tuple[JsonObject, JsonObject]:
    """Gives a trial and its per-example results as JSON objects."""
    return trial_to_json(trial), examples_to_json(trial)


def _unpack(results: bytes | None) -> JsonObject:
    return cast(JsonObject, json.loads(zlib.decompress(results))) if results else {}
