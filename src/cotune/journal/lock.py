"""The lock that makes one process the only writer; the kernel releases it when that process dies, however it dies."""

import fcntl
import os
from pathlib import Path

from cotune.journal.errors import JournalError, explained


class WriterLock:
    """An exclusive lock on a file, held from construction until `release`."""

    def __init__(self, path: Path) -> None:
        """Takes the lock.

        Raises:
            JournalError: another process holds it, or the file cannot be written.
        """
        with explained(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            _take(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Releases the lock; doing so twice does nothing more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise JournalError(
            f"The study {str(path.parent)!r} is being run by another process (number {holder}). "
            f"Wait for it or stop it; `cotune status` and `cotune report` work meanwhile."
        ) from None
    with explained(path):
        os.pwrite(descriptor, f"{os.getpid():<20}".encode(), 0)
