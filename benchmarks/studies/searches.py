"""The searches of a study, kept as they end."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import searching
from benchmarks.case import Case, Row, Rules
from benchmarks.provenance import PEERS, versions
from benchmarks.rows import SOURCES, RowFile, fingerprint
from benchmarks.studies.problems import Problem
from benchmarks.studies.regrets import Regrets
from benchmarks.studies.study import Sources
from benchmarks.working import run_all

STUDIES = (*SOURCES, "benchmarks/studies/*.py")
"""What can change a row of a study."""


def cases(problems: Sequence[Problem], methods: Sequence[str], repeats: int = 1) -> list[Case]:
    """Gives the searches of all methods on all problems."""
    return [
        Case(pool, targets, method, repeat)
        for pool, targets in problems
        for method in methods
        for repeat in range(repeats)
    ]


def rows(wanted: Sequence[Case], rules: Rules, sources: Sources, part: str = "") -> list[Row]:
    """Gives the rows of the searches; each `part` of a study that has other rules keeps them in a file of its own."""
    file = None if sources.rows is None else RowFile(_path(sources.rows, part), _settings(rules))
    return run_all(wanted, partial(searching.run, rules=rules), file)


def regrets(wanted: Sequence[Case], rules: Rules, sources: Sources, part: str = "") -> Regrets:
    """Gives the regrets of the searches."""
    return Regrets.from_rows(rows(wanted, rules, sources, part))


def _path(path: Path, part: str) -> Path:
    return path.with_suffix(f".{part}.rows.jsonl" if part else ".rows.jsonl")


def _settings(rules: Rules) -> dict[str, object]:
    return {**asdict(rules), "code": fingerprint(STUDIES), "versions": versions(("numpy", "scipy", *PEERS))}
