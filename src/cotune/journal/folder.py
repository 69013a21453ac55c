"""Whether a folder can hold a study: it can be written, is no link to elsewhere, lies on a local disk."""

from pathlib import Path

from cotune.journal.errors import JournalError, explained
from cotune.journal.files import Files, leftovers

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "fuse.sshfs", "webdav"})
_MOUNTS = Path("/proc/self/mountinfo")


def prepare_folder(files: Files) -> None:
    """Makes the study's folders where they are missing and removes half-written files.

    Raises:
        JournalError: the place is refused; the message names the rule and the remedy.
    """
    if "\0" in str(files.folder):
        raise JournalError(f"A study's folder has no NUL in its name; got {str(files.folder)!r}.")
    with explained(files.folder):
        if files.folder.exists() and not files.folder.is_dir():
            raise JournalError(f"A study is a folder, but {str(files.folder)!r} is a file; choose another name.")
        files.folder.mkdir(parents=True, exist_ok=True)
    _refuse_network(files.folder)
    for path in (files.database, files.settings, files.log, files.lock, files.trials):
        if path.is_symlink():
            raise JournalError(f"{str(path)!r} is a link; a study writes inside its own folder only. Remove the link.")
    with explained(files.trials):
        files.trials.mkdir(exist_ok=True)


def remove_leftovers(files: Files) -> None:
    """Removes half-written files; only the writer that holds the lock may."""
    with explained(files.folder):
        for path in leftovers(files):
            path.unlink()


def _refuse_network(folder: Path) -> None:
    mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    kind = file_system(folder.resolve(), mounts)
    if kind in _NETWORK:
        raise JournalError(
            f"The folder {str(folder)!r} lies on a network file system ({kind}), where SQLite's journal is not safe. "
            f"Put the study on a local disk and copy it afterwards."
        )


def file_system(path: Path, mounts: str) -> str:
    """Gives the type of the file system that holds `path`, from the text of /proc/self/mountinfo ("" if unknown)."""
    kinds: dict[Path, str] = {}
    for line in mounts.splitlines():
        place, _, system = line.partition(" - ")
        kinds[Path(place.split()[4].replace("\\040", " "))] = system.split()[0]
    return next((kinds[parent] for parent in (path, *path.parents) if parent in kinds), "")
