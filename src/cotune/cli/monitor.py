"""`cotune monitor`: new rows of a dataset beside those that an adapter was tested on, and an alarm where they drift."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import AsJson


def monitor(
    adapter: Annotated[
        Path, typer.Argument(metavar="ADAPTER", help="Folder that `cotune train --out` wrote.", show_default=False)
    ],
    new: Annotated[list[Path], typer.Argument(metavar="NEW...", help="Files of new rows, with or without answers.")],
    *,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Dataset that the rows are of, if the adapter has several.")
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option("--baseline", metavar="FILE", help="Rows to compare with, in place of those kept; repeatable."),
    ] = None,
    margin: Annotated[
        float, typer.Option(metavar="SCORE", help="How far the score may fall, as 0.02 for two points.")
    ] = 0.0,
    alpha: Annotated[float, typer.Option(metavar="P", help="Probability of a false alarm, per look.")] = 0.05,
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Append the look to this file (JSON lines).")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Base model, where it lies elsewhere than at training.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of permutations and resamples.")] = 0,
    as_json: AsJson = False,
) -> int:
    r"""Compares new rows with those of an adapter's test.

    With answers: whether the score fell. Without: whether lengths, texts and the labels that the adapter gives are
    still distributed as they were. An alarm gives exit code 3. It comes falsely in at most --alpha of the looks; daily
    looks add up.

    \b
    cotune monitor best/ new.jsonl
    cotune monitor best/ monday.jsonl tuesday.jsonl --margin 0.02 --log drift.jsonl
    cotune monitor best/ july.jsonl --baseline june.jsonl
    """
    from cotune.cli.looking import Looking

    looking = Looking.prepare(adapter, new, dataset=dataset, baseline=baseline or (), model=model, log=log)
    return looking.run(alpha=alpha, margin=margin, seed=seed, quiet=as_json)
