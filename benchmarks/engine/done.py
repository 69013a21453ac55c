"""The outcomes while the benchmark runs: a file of JSON lines that a stopped run goes on with."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.engine.outcome import Outcome
from benchmarks.rows import check_settings

Settings = Mapping[str, object]
SOURCES = ("src/cotune/*.py", "src/cotune/tasks/*.py", "src/cotune/training/*.py", "benchmarks/engine/*.py")
"""What can change an outcome beside settings, versions of packages and the machine."""


class Done:
    """One line of settings, then one for each outcome; a line that was cut off is dropped, and its work done again."""

    def __init__(self, path: Path | None, settings: Settings) -> None:
        """Opens a file, or begins it; without a path nothing is kept.

        Raises:
            ValueError: it holds outcomes of other settings, code or versions.
        """
        self._path = path
        self._found: dict[tuple[str, int], Outcome] = {}
        if path is None:
            return
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines:
            path.write_text(json.dumps(settings) + "\n")
            return
        check_settings(path, lines[0], json.loads(json.dumps(settings)))
        os.truncate(path, len(whole) + 1)
        for line in lines[1:]:
            self._found[line["contestant"], line["repeat"]] = Outcome.of_json(line["outcome"])

    def get(self, contestant: str, repeat: int) -> Outcome | None:
        """Gives the outcome of a contestant in a repeat, None if there is none yet."""
        return self._found.get((contestant, repeat))

    def add(self, contestant: str, repeat: int, outcome: Outcome) -> None:
        """Adds an outcome."""
        self._found[contestant, repeat] = outcome
        if self._path is not None:
            line = {"contestant": contestant, "repeat": repeat, "outcome": asdict(outcome)}
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
