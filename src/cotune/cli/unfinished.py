"""A folder that a command fills: under another name until it is whole, and kept where the end fails."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cotune.cli.errors import say


def check_out(out: Path) -> None:
    """Checks that nothing is overwritten, neither a result nor what an earlier training saved of one.

    Raises:
        ValueError: `out` is a file, or a folder with something in it, or an earlier training's remains lie beside it.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{str(out)!r} is there already, and not an empty folder; choose another --out.")
    scratch = _scratch(out)
    if scratch.is_dir() and any(scratch.iterdir()):
        raise ValueError(
            f"{str(scratch)!r} holds what an earlier training for this --out saved before it failed; move or delete it "
            "or choose another --out."
        )


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Gives a folder to fill, made at once, that is renamed to `out` in the end; `out` is there whole or not at all.

    Where something fails, what was saved in it stays and standard error says where.

    Raises:
        ValueError: it cannot be made, or see `check_out`.
    """
    check_out(out)
    scratch = _scratch(out)
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"Cannot write {str(out)!r}: {error.strerror}. Choose another --out.") from None
    try:
        yield scratch
        if out.is_dir():
            out.rmdir()
        scratch.rename(out)
    except BaseException:
        _leave(scratch)
        raise


@contextmanager
def whole(folder: Path) -> Iterator[None]:
    """Removes `folder` again if filling it fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _scratch(out: Path) -> Path:
    return out.with_name(f".{out.name}.unfinished")


def _leave(scratch: Path) -> None:
    if scratch.is_dir() and any(scratch.iterdir()):
        say(f"What was trained is kept in {str(scratch)!r}.")
    elif scratch.is_dir():
        scratch.rmdir()
