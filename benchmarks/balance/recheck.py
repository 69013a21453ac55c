"""Rows of code that changed since count again if trainings repeated with the present code give the same to the bit."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.balance.row import Row
from benchmarks.balance.work import Case
from benchmarks.rows import check_settings
from benchmarks.working import say

CODE = "code"
SEED = 0


def recheck(
    path: Path,
    settings: Mapping[str, object],
    code: Callable[[Case], str],
    train: Callable[[Case], Row],
    *,
    count: int,
) -> None:
    """Binds the rows of a file to the present code, of which `settings` and `code` have the fingerprints.

    Repeated are `count` rows drawn at random and one of each contestant whose own code is another now. Rows of other
    data stay what they are, and what steps cost is not repeated.

    Raises:
        ValueError: the rows are of other settings than the code, or a training gives something else than its row.
    """
    head, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    check_settings(path, {**head, CODE: settings[CODE]}, json.loads(json.dumps(settings)))
    rows = [Row(**{**line, "case": Case(**line["case"])}) for line in lines]
    ours = [row for row in rows if _data(row.code) == _data(code(row.case))]
    for row in chosen(ours, code, count):
        _compare(row, train(row.case))
    bound = [replace(row, code=code(row.case)) if row in ours else row for row in rows]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in (settings, *map(asdict, bound))))
    temporary.replace(path)


def chosen(rows: Sequence[Row], code: Callable[[Case], str], count: int) -> list[Row]:
    """Gives the rows to repeat."""
    trained = [row for row in rows if not row.case.is_timing and not row.error]
    changed = {row.case.contestant: row for row in trained if row.code != code(row.case)}
    drawn = random.Random(SEED).sample(trained, min(count, len(trained)))
    return [*drawn, *(row for row in changed.values() if row not in drawn)]


def _compare(row: Row, again: Row) -> None:
    """Checks that a training gave what its row has.

    Raises:
        ValueError: it did not.
    """
    case = row.case
    what = f"{case.contestant} on {case.pool}, rate {case.lr:g}, seed {case.seed}"
    for key in ("choose", "report", "losses", "trained", "error"):
        before, now = getattr(row, key), getattr(again, key)
        if before != now:
            raise ValueError(
                f"Trained again, {what} has {key} {now}, its row has {before}: the rows are of another code or "
                "machine. Remove them, or give another --json."
            )
    say(f"{what}: the same to the bit")


def _data(code: str) -> str:
    """Gives the part of a fingerprint that is of the data."""
    return code.partition(" ")[0]
