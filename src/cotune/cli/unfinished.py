"""A folder that a command fills: under another name until it is whole, and kept where the end fails."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cotune.cli.errors import say


def check_out(out: Path) -> None:
    """Checks that `out` can become a new folder, and that nothing of an earlier training is overwritten.

    Raises:
        ValueError: `out` is a file, a folder with something in it, or one that cannot be replaced; or the folder that
            an earlier training for it filled lies beside it.
    """
    if out.is_symlink() or out.is_mount() or out.resolve() == Path.cwd() or out.name == "..":
        raise ValueError(
            f"{str(out)!r} is a link, a mount or the current folder, and no result can take its place; choose a folder "
            f"in it, as --out {out / 'best'}."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{str(out)!r} is there already, and not an empty folder; choose another --out.")
    scratch = _scratch(out)
    if scratch.exists():
        raise ValueError(
            f"{str(scratch)!r} is there: another training for this --out runs, or an earlier one failed and left in it "
            "what it had saved. Wait, move or delete it, or choose another --out."
        )


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Gives a folder to fill, made at once, that is renamed to `out` in the end; `out` is there whole or not at all.

    A folder that is left empty is removed, and `out` stays as it was. Where something fails, what was saved in it stays
    and standard error says where.

    Raises:
        ValueError: it cannot be made, or see `check_out`.
    """
    check_out(out)
    scratch = _scratch(out)
    try:
        scratch.mkdir(parents=True)  # not where it is there by now: another training began meanwhile
    except OSError as error:
        raise ValueError(f"Cannot write {str(out)!r}: {error.strerror}. Choose another --out.") from None
    try:
        yield scratch
        if not any(scratch.iterdir()):
            scratch.rmdir()
            return
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
