"""`cotune reuse`: puts a dataset's adapter together from trained ones, layer by layer."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import AsJson, DataFolder, Overrides, StudyFile


def reuse(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="Dataset to choose for.", show_default=False)
    ],
    adapters: Annotated[
        list[Path],
        typer.Option(
            "--adapters", metavar="DIR", help="PEFT folder, or a folder of such; repeatable.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the pick (PEFT format).")],
    rows: Annotated[int, typer.Option(metavar="N", min=2, help="Train rows to choose by.")] = 256,
    passes: Annotated[int, typer.Option(metavar="N", min=1, help="Passes over the layers, at most.")] = 3,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the rows that are drawn.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read; choose nothing.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Puts a dataset's adapter together from trained ones.

    For each layer it chooses which adapter to take, or none, by the loss on train rows of the dataset; nothing is
    trained. Then it compares the pick with each adapter whole, and with none, on dev rows. Test stays unread.

    \b
    cotune reuse study.yaml --dataset reviews --adapters joint/single --out picked/ --dry-run
    cotune reuse study.yaml --dataset reviews --adapters a/ --adapters b/ --out picked/
    Next: peft.PeftModel.from_pretrained(base, "picked/")
    """
    from cotune.cli.opening import open_study
    from cotune.cli.reusing import Reusing
    from cotune.cli.subject import Subject

    work = Reusing.prepare(
        Subject.checked(open_study(study, overrides or ()), dataset, out),
        tuple(adapters),
        rows=rows,
        passes=passes,
        seed=seed,
        data=data,
        quiet=as_json,
    )
    return work.preview() if dry_run else work.run()
