"""`cotune weights`: trains a combination under many weightings of its losses and says which is best."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import Allow, AsJson, DataFolder, InProcess, Overrides, RunsFolder, StudyFile
from cotune.cli.run import again


def weights(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    datasets: Annotated[
        str, typer.Option("--datasets", metavar="A,B", help="Datasets to train on together.", show_default=False)
    ],
    step: Annotated[
        float | None, typer.Option(metavar="X", help="Step of the grid of weights that sum to 1.  [default: 0.1]")
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="In place of a grid: this one's loss by 1/4, 1/2, 1, 2, 4, 8."),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="N,N", help="Seeds to train each weighting with.")] = "0",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the table as CSV, too.")] = None,
    in_process: InProcess = False,
    allow: Allow = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many trainings and how long; train none.")
    ] = False,
    data: DataFolder = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Trains a combination under every weighting of its losses.

    What is trained on stays the same, the factors on the losses (train.weights) change: over a grid of all weights that
    sum to 1, or along a sweep of one dataset's. Equal weights are always among them. All are scored on dev; the test
    split stays unread. The trials are kept in a study folder of their own, so that a stopped run goes on.

    \b
    cotune weights study.yaml --datasets a,b,c --dry-run   36 weightings and equal weights
    cotune weights study.yaml --datasets a,b,c --step 0.2 --seeds 0,1
    cotune weights study.yaml --datasets a,b,c --priority a --out sweep.csv
    Next: cotune train runs/study-weights --mix a=3,b,c --out best/
    """
    from cotune.cli.left import parse_seeds
    from cotune.cli.opening import open_study
    from cotune.cli.stages import load_problem
    from cotune.cli.weighing import Weighing
    from cotune.cli.weightings import asked_for, parse_names, weighing

    names = parse_names(datasets)
    opened = weighing(open_study(study, overrides or (), runs=runs), names)
    asked = asked_for(names, step=step, priority=priority)
    options = ["weights", str(study), "--datasets", ",".join(names), "--seeds", seeds]
    options += [
        word for name, value in (("--step", step), ("--priority", priority)) if value for word in (name, str(value))
    ]
    work = Weighing(
        opened,
        load_problem(opened, data=data, quiet=as_json),
        again(options, overrides or (), {"--data": [data], "--runs": [runs], "--out": [out]}),
        tuple(names),
        tuple(asked),
        parse_seeds(seeds),
        priority,
        out,
        in_process=in_process,
        allow=allow,
        quiet=as_json,
    )
    return work.preview() if dry_run else work.run()
