"""Runs searches in one process or several, and goes on where a stopped run was."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeAlias

from benchmarks.case import Case, Row
from benchmarks.rows import RowFile

Work: TypeAlias = Callable[[Case], list[Row]]


def run_all(cases: Sequence[Case], work: Work, file: RowFile | None, jobs: int = 1) -> list[Row]:
    """Gives the rows of all cases in their order; those in `file` are taken from it, the others added to it."""
    found = {} if file is None else {index: file.rows(case) for index, case in enumerate(cases) if case in file}
    missing = [index for index in range(len(cases)) if index not in found]
    if found:
        say(f"{len(found)} of {len(cases)} searches were done before; the rest goes on.")
    for done, (index, rows) in enumerate(zip(missing, _work(work, [cases[i] for i in missing], jobs), strict=True), 1):
        found[index] = rows
        if file is not None:
            file.append(cases[index], rows)
        if sys.stderr.isatty():
            print(f"{done + len(cases) - len(missing)} of {len(cases)} searches", end="\r", file=sys.stderr)
    return [row for index in range(len(cases)) for row in found[index]]


def _work(work: Work, cases: Sequence[Case], jobs: int) -> Iterator[list[Row]]:
    if jobs == 1:
        yield from map(work, cases)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, cases)


def say(text: str) -> None:
    """Tells the person at the terminal, apart from the results."""
    print(text, file=sys.stderr)
