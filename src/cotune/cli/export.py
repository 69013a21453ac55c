"""`cotune export`: a study's trials for other programs."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import RunsFolder, StudyFile


class Format(StrEnum):
    """How trials are written."""

    jsonl = "jsonl"
    csv = "csv"


def export(
    study: StudyFile,
    *,
    form: Annotated[Format, typer.Option("--format", help="JSON lines with everything, or a table.")] = Format.jsonl,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here, not to standard output.")
    ] = None,
    runs: RunsFolder = None,
) -> None:
    r"""Writes a study's trials as JSON lines or CSV.

    \b
    cotune export study.yaml > trials.jsonl
    cotune export study.yaml --format csv --out trials.csv
    """
    from cotune.cli.opening import open_run
    from cotune.journal import export_csv, export_jsonl, read_journal

    view = read_journal(open_run(study, runs=runs).folder)
    write = export_csv if form is Format.csv else export_jsonl
    if out is None:
        return write(view, sys.stdout)
    with out.open("w", encoding="utf-8", newline="") as stream:
        return write(view, stream)
