"""Files that a command writes beside a study: their folder is asked for before anything is trained."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def check_folder(out: Path) -> None:
    """Checks that a file can be written where it is to be.

    Raises:
        FileNotFoundError: its folder does not exist.
    """
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"The folder of {str(out)!r} does not exist; make it first.")


def write_csv(out: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table as CSV."""
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
