"""`cotune pseudolabel`: a trained model labels rows without answers, and those it is sure of become a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import AsJson, DataFolder, Overrides, StudyFile


def pseudolabel(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    dataset: Annotated[
        str,
        typer.Option("--dataset", metavar="NAME", help="Classification whose labels are given.", show_default=False),
    ],
    rows: Annotated[
        Path, typer.Option("--rows", metavar="FILE", help="Rows without answers, in its columns.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder; its name is the dataset's.")],
    adapter: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What cotune train saved.  [default: the model as it is]")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="P", min=0, max=1, help="Least probability of a label that is kept.  [default: 0.9]"),
    ] = None,
    stage: Annotated[
        int | None, typer.Option(metavar="T", min=1, help="Place of the dataset in a sequence; sets the threshold.")
    ] = None,
    stages: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many places the sequence has.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the held-out rows that are drawn.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read; label nothing.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Labels rows without answers; keeps those it is sure of.

    A trained model labels them. The rows kept become a dataset of their own, with a column `confidence`. It says how
    many are kept of each label, and how often labels as sure as that are right on dev. With --stage the threshold falls
    from stage to stage.

    \b
    cotune pseudolabel study.yaml --dataset reviews --rows new.jsonl --adapter best/ --out data/reviews-new
    cotune pseudolabel study.yaml --dataset reviews --rows new.jsonl --adapter best/ --out data/new --stage 2 --stages 5
    Next: add what it prints to study.yaml, then cotune check study.yaml
    """
    from cotune.cli.labelling import Labelling, bar_of
    from cotune.cli.opening import open_study
    from cotune.cli.subject import Subject

    work = Labelling.prepare(
        Subject.checked(open_study(study, overrides or ()), dataset, out),
        rows,
        bar_of(threshold, stage, stages),
        adapter=adapter,
        seed=seed,
        data=data,
        quiet=as_json,
    )
    return work.preview() if dry_run else work.run()
