"""`cotune report`: what a study found, on the terminal, as a page and as JSON."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cotune.cli.console import plain, print_json, print_text
from cotune.cli.options import AsJson, DataFolder, RunsFolder, StudyFile

if TYPE_CHECKING:
    from cotune.cli.opening import Opened


def report(
    study: StudyFile,
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Where the page is written.  [default: in the study's folder]"),
    ] = None,
    data: DataFolder = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> None:
    r"""Says what wins, how sure that is, and which datasets help.

    Prints to the terminal and writes one self-contained HTML page.

    \b
    cotune report study.yaml
    Next: cotune train study.yaml --out best/
    """
    from cotune.cli.opening import open_run

    write_report(open_run(study, runs=runs), html=html, data=data, as_json=as_json)


def write_report(
    opened: "Opened", *, html: Path | None = None, data: Path | None = None, as_json: bool = False
) -> None:
    """Writes the page and prints the report."""
    from rich.console import Console

    from cotune.cli.results import read_report
    from cotune.reporting import render_html, render_terminal

    found = read_report(opened, data=data)
    page = html or opened.folder / "report.html"
    page.write_text(render_html(found), encoding="utf-8")
    if as_json:
        return print_json(plain(found))
    render_terminal(found, Console(file=sys.stdout))
    return print_text(f"Page: {page}")
