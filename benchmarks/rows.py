"""The rows of a benchmark while it runs: a file of JSON lines that a stopped run goes on with."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from benchmarks.case import Case, Row
from benchmarks.provenance import ROOT

Settings: TypeAlias = Mapping[str, object]
SOURCES = (
    "src/cotune/*.py",
    "src/cotune/search/*.py",
    "src/cotune/search/*.npz",
    "src/cotune/testing/*.py",
    "src/cotune/verdict/*.py",
    "benchmarks/searching.py",
    "benchmarks/methods.py",
    "benchmarks/curve.py",
    "benchmarks/peers/*.py",
)
"""What can change a row beside settings, tables and versions of packages."""


def fingerprint(sources: Sequence[str] = SOURCES) -> str:
    """Gives a fingerprint of the code that rows come from, committed or not."""
    files = [file for pattern in sources for file in sorted(ROOT.glob(pattern))]
    content = b"".join(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()[:12]


class RowFile:
    """One line of settings, then one line for each search that ended, with all its rows.

    A line that was cut off is dropped when the file is opened again; its search is run again.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        """Opens a file, or begins it.

        Raises:
            ValueError: it holds rows of other settings, code or versions.
        """
        self._path = path
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        lines = [json.loads(line) for line in whole.splitlines()]
        if lines:
            check_settings(path, lines[0], json.loads(json.dumps(settings)))
            os.truncate(path, len(whole) + 1)
        else:
            path.write_text(json.dumps(settings) + "\n")
        self._done: dict[str, list[Row]] = {line["search"]: line["rows"] for line in lines[1:]}

    def __contains__(self, case: Case) -> bool:
        """Tells whether a search was ended before."""
        return _name(case) in self._done

    def rows(self, case: Case) -> list[Row]:
        """Gives the rows of a search that ended."""
        return self._done[_name(case)]

    def append(self, case: Case, rows: Sequence[Row]) -> None:
        """Adds a search that ended."""
        self._done[_name(case)] = list(rows)
        with self._path.open("a") as file:
            file.write(json.dumps({"search": _name(case), "rows": rows}) + "\n")


def _name(case: Case) -> str:
    return "/".join([case.pool.group, case.pool.name, case.pool.mark, *case.targets, case.method, str(case.repeat)])


def check_settings(path: Path, found: Settings, wanted: Settings) -> None:
    """Checks that rows are of this run.

    Raises:
        ValueError: a setting differs; names it.
    """
    keys = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    if keys:
        changes = "; ".join(f"{key} was {found.get(key)}, is {wanted.get(key)}" for key in keys)
        raise ValueError(f"{path} holds rows that are not of this run ({changes}). Remove it, or give another --json.")
