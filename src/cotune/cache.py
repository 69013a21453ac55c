"""The cache: folders that are built once, and are complete or absent."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

MANIFEST = "complete.json"


def cache_root() -> Path:
    """Gives $COTUNE_CACHE, or `cotune` in the user's cache folder."""
    chosen = os.environ.get("COTUNE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    home = Path.home()
    local = {"win32": home / "AppData" / "Local", "darwin": home / "Library" / "Caches"}
    parent = os.environ.get("XDG_CACHE_HOME") or local.get(sys.platform, home / ".cache")
    return Path(parent) / "cotune"


def cached_folder(folder: Path, build: Callable[[Path], None]) -> Path:
    """Gives `folder`, filled by `build` unless it is there and whole.

    `build` fills a temporary folder beside it, which then takes its name in one step: several processes may do this at
    once, and a kill leaves no half of anything behind under the name.

    Raises:
        OSError: the cache cannot be written; says where it is and how to move it.
    """
    if is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            built, broken = Path(scratch, "built"), Path(scratch, "broken")
            built.mkdir()
            build(built)
            _write_manifest(built)
            _replace(built, folder, broken)
    except OSError as error:
        if error.errno is None:  # not the file system's, such as a fetch that failed
            raise
        free = shutil.disk_usage(next(path for path in folder.parents if path.exists())).free // 2**20
        raise OSError(
            error.errno,
            f"Cannot write the cache {folder.parent} ({error.strerror}, {free:,} MB free). "
            "Set COTUNE_CACHE to a folder with room that you may write.",
        ) from error
    return folder


def is_whole(folder: Path) -> bool:
    """Tells whether `folder` was built to its end and every file in it still has its size."""
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _write_manifest(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    (folder / MANIFEST).write_text(json.dumps(sizes, indent=1), encoding="utf-8")


def _replace(built: Path, folder: Path, broken: Path) -> None:
    """Moves `built` to `folder`; another process that was faster wins, a damaged `folder` goes to `broken`."""
    if folder.exists() and not is_whole(folder):
        folder.rename(broken)
    try:
        built.rename(folder)
    except OSError:
        if not is_whole(folder):
            raise
