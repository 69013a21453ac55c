"""What a journal refuses or cannot do, told so that its user can act."""

import errno
import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


class JournalError(ValueError):
    """A study's journal cannot be opened or written; the message says why and what to do."""


class DiskFullError(JournalError):
    """Nothing more fits on the disk; nothing that was recorded is lost."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the errors of writing `path` into a `JournalError` with a remedy.

    Raises:
        JournalError: with the cause that the operating system or SQLite named.
    """
    try:
        yield
    except OSError as error:
        raise _of_system(path, error) from error
    except sqlite3.Error as error:
        raise _of_sqlite(path, error) from error
    except (zlib.error, json.JSONDecodeError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, reason: object) -> JournalError:
    """Gives the error for a journal that cannot be read, with its remedy."""
    return JournalError(
        f"The journal {str(path)!r} is damaged ({reason}). Nothing is lost while the trials/ folder beside it "
        f"is there: `cotune run --rebuild` (or cotune.journal.rebuild) makes a new journal from it, and keeps the old."
    )


def _of_system(path: Path, error: OSError) -> JournalError:
    if error.errno in _FULL:
        return _disk_full(path)
    if error.errno in _REFUSED:
        return JournalError(
            f"Cannot write {str(path)!r}: {error.strerror}. A study needs a folder that it may write; "
            f"change the permissions or choose another folder."
        )
    return JournalError(f"Cannot write {str(path)!r}: {error.strerror or error}.")


def _of_sqlite(path: Path, error: sqlite3.Error) -> JournalError:
    name = str(vars(error).get("sqlite_errorname", ""))  # set only where SQLite itself refused
    if name in ("SQLITE_BUSY", "SQLITE_LOCKED") or "locked" in str(error):
        return JournalError(
            f"The journal {str(path)!r} is kept locked by another program ({error}); "
            f"close what has it open and run again: every finished trial is kept in trials/."
        )
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _is_full(path)):
        return _disk_full(path)
    if name.startswith("SQLITE_READONLY"):
        return JournalError(f"Cannot write {str(path)!r}: {error}. Change the permissions or choose another folder.")
    if name.startswith("SQLITE_IOERR"):
        return JournalError(
            f"The disk failed while writing {str(path)!r} ({error}, {name}). Check the disk, run again."
        )
    return damaged(path, error)


def _disk_full(path: Path) -> DiskFullError:
    return DiskFullError(
        f"The disk is full: cannot write {str(path)!r}. No finished trial is lost; free some space and run again."
    )


def _is_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < 1 << 20
