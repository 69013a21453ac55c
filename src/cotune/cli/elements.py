"""`cotune elements`: a language model writes auxiliary datasets for a classification."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import AsJson, DataFolder, Overrides, StudyFile


def elements(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="Classification to write them for.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder, with a folder for each element.")],
    element: Annotated[
        list[str] | None,
        typer.Option("--element", metavar="WORD", help="What to name; repeatable.  [default: aspect, opinion]"),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Hub id or folder to ask, in place of the study's model.")
    ] = None,
    rows: Annotated[int | None, typer.Option(metavar="N", min=1, help="Train rows to draw.  [default: all]")] = None,
    rounds: Annotated[int, typer.Option(metavar="N", min=0, help="Times to ask again, with the label told.")] = 2,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the rows that are drawn.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked; ask nothing.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Lets a model write auxiliary datasets for a classification.

    The model names aspect and opinion in each text, and again with the label told where they do not show it. Each
    becomes a generation dataset whose column `confidence` says how likely the label is with them, for the balancer
    mt_isa. A small model names them poorly: read what it wrote before you train on it.

    \b
    cotune elements study.yaml --dataset reviews --out elements/ --dry-run
    cotune elements study.yaml --dataset reviews --out elements/ --rows 500 --model Qwen/Qwen3-4B
    Next: add what it prints to study.yaml, then cotune check study.yaml
    """
    from cotune.cli.constructing import Constructing
    from cotune.cli.opening import open_study
    from cotune.cli.subject import Subject
    from cotune.tasks.elements import ELEMENTS

    changes = [*(overrides or ()), *([] if model is None else [f"model={model}"])]
    work = Constructing.prepare(
        Subject.checked(open_study(study, changes), dataset, out),
        tuple(element or ELEMENTS),
        rows=rows,
        rounds=rounds,
        seed=seed,
        data=data,
        quiet=as_json,
    )
    return work.preview() if dry_run else work.run()
