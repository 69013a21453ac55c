"""Room on disk: the trunk's files stay within a number of bytes, the least recently used leave first."""

import time
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

DISK_BYTES = 4 << 30
IN_USE_SECONDS = 3600
"""A file that was read or written so lately may be another process's."""

_DIGEST = "[0-9a-f]" * 32
_OURS = (f"{_DIGEST}-*-*/{_DIGEST}.safetensors", f"{_DIGEST}-*-*/.writing-*/shard")
"""Our files in a cache folder, which a user may have put other things into; the second are of killed writers."""


def make_room(cache: Path, needed: int, *, disk_bytes: int, keep: Set[Path]) -> bool:
    """Tells whether `needed` bytes fit into the cache, after removing files that have not been used for an hour.

    Files in `keep` stay. Nothing is removed where that would not be enough. A removed file is gone at once and whole;
    who has it open reads on, and who looks for it computes its content again.
    """
    found = sorted(_files(cache))
    excess = sum(size for _, size, _ in found) + needed - disk_bytes
    leaving = []
    for used, size, path in found:
        if excess > 0 and path not in keep and used < time.time() - IN_USE_SECONDS:
            leaving.append(path)
            excess -= size
    if excess > 0:
        return False
    for path in leaving:
        path.unlink(missing_ok=True)
    return True


def _files(cache: Path) -> list[tuple[float, int, Path]]:
    """Gives time of last use, bytes and path of each of our files."""
    files = []
    for path in (path for pattern in _OURS for path in cache.glob(pattern)):
        with suppress(FileNotFoundError):  # another process was faster
            about = path.stat()
            files.append((about.st_mtime, about.st_size, path))
    return files
