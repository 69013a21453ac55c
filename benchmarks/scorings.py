"""The record of every look at the test tables: what is tuned until they please is no longer tested by them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.provenance import ROOT
from benchmarks.summary import Line

SCORINGS = ROOT / "docs" / "results" / "scorings.jsonl"


def log_scoring(
    command: str, facts: Mapping[str, object], figure: str, lines: Sequence[Line], *, path: Path = SCORINGS
) -> None:
    """Appends date, commit, command, and the mean `figure` of `default` by pool and budget (empty if it took no part).

    There is no way to run without: `benchmarks.search` logs each run that ends on a shipped table.
    """
    means: dict[str, dict[str, float]] = {}
    for line in lines:
        if line.method == "default":
            means.setdefault(line.pool, {})[str(line.budget)] = round(line.mean[figure][0], 4)
    entry = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": facts["commit"],
        "dirty": facts["dirty"],
        "command": command,
        "figure": figure,
        "default": means,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")
