"""`cotune score`: several tasks' scores as one number, in the ways that people compare mixtures."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.console import plain, print_json, print_table
from cotune.cli.options import AsJson, RunsFolder


def score(
    source: Annotated[
        Path, typer.Argument(metavar="STUDY|FILE", help="A study, or a .json file of {row: {task: score}}.")
    ],
    *,
    weights: Annotated[
        str | None, typer.Option(metavar="A=2,B=1", help="Importance of the tasks.  [default: all equal]")
    ] = None,
    missing: Annotated[str, typer.Option(help="A task without a score: refuse, skip or zero.")] = "refuse",
    singles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file of {task: score} of training on each task alone.")
    ] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> None:
    r"""Puts the scores of several tasks together as one number.

    Weighted mean, worst task, mean rank, and change against training on each task alone.

    \b
    cotune score study.yaml --weights reviews=2,news=1
    cotune score scores.json --missing skip --singles alone.json
    """
    from cotune.cli.scores import check_missing, composites, parse_weights, read_scores, read_table

    table = read_table(source, runs=runs)
    chosen = None if weights is None else parse_weights(weights)
    alone = None if singles is None else read_scores(singles)
    rows = composites(table, chosen, alone, check_missing(missing))
    if as_json:
        return print_json(plain(rows))
    lines = [
        [
            row.row,
            f"{row.mean:.4f}",
            f"{row.worst:.4f}",
            row.worst_task,
            "" if row.rank is None else f"{row.rank:.2f}",
            "" if row.delta_percent is None else f"{row.delta_percent:+.1f} %",
        ]
        for row in rows
    ]
    return print_table(["row", "mean", "worst", "of", "mean rank", "against single"], lines)
