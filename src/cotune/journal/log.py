"""The study's log: one JSON object a line, appended; a line torn by a power cut is ignored and repaired."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cotune.journal.errors import explained
from cotune.trial_json import Json, JsonObject, dump


@dataclass(frozen=True)
class LogEntry:
    """One line of the log: when (Unix seconds), in which group, what kind, and what happened."""

    at: float
    group: int
    kind: str
    payload: Mapping[str, Json]


def append_log(path: Path, group: int, kind: str, payload: Mapping[str, Json]) -> LogEntry:
    """Appends one line durably and gives the entry.

    Raises:
        JournalError: the disk is full or refuses; what was written of the line is cut off again.
    """
    entry = LogEntry(round(time.time(), 3), group, kind, dict(payload))
    line = dump({"at": entry.at, "group": group, "kind": kind, "payload": dict(payload)}) + "\n"
    with explained(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # `StudyLog` appends beside the study's writer
            _append(descriptor, line.encode())
        finally:
            os.close(descriptor)
    return entry


def _append(descriptor: int, line: bytes) -> None:
    end = _cut_torn_line(descriptor)
    try:
        written = os.pwrite(descriptor, line, end)
        if written < len(line):
            os.pwrite(descriptor, line[written:], end + written)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _cut_torn_line(descriptor: int) -> int:
    """Cuts off an unfinished last line; gives where the next one begins."""
    size = os.fstat(descriptor).st_size
    end = size
    while end:
        start = max(0, end - 4096)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def read_log(path: Path, group: int) -> tuple[LogEntry, ...]:
    """Gives the entries of one group; lines that are torn or damaged are left out."""
    if not path.exists():
        return ()
    entries = [_parse(line) for line in path.read_bytes().splitlines()]
    return tuple(entry for entry in entries if entry is not None and entry.group == group)


def _parse(line: bytes) -> LogEntry | None:
    try:
        found = cast(JsonObject, json.loads(line))
        at, number = cast(float, found["at"]), cast(int, found["group"])
        return LogEntry(at, number, cast(str, found["kind"]), cast(JsonObject, found["payload"]))
    except (ValueError, KeyError, TypeError):
        return None
