"""The rows while the benchmark runs: a file of JSON lines that a stopped run goes on with."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.balance.row import Row
from benchmarks.balance.work import Case
from benchmarks.rows import check_settings


class Done:
    """One line of settings, then one for each training; a line that was cut off is dropped, and its training repeated.

    So is a row of other data, or of a contestant whose own code is another now. One process adds rows.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, object], code: Callable[[Case], str]) -> None:
        """Opens a file, or begins it; without a path nothing is kept. `code` fingerprints what a case is of.

        Raises:
            ValueError: it holds rows of other settings, of another trainer or of other versions.
        """
        self._path, self.code = path, code
        self.rows: dict[Case, Row] = {}
        if path is None:
            return
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings) + "\n")
            return
        check_settings(path, lines[0], json.loads(json.dumps(settings)))
        os.truncate(path, len(whole) + 1)
        found = [Row(**{**line, "case": Case(**line["case"])}) for line in lines[1:]]
        self.rows = {row.case: row for row in found if row.code == code(row.case)}

    def add(self, row: Row) -> None:
        """Adds a training that ended."""
        self.rows[row.case] = row
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
