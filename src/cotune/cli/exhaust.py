"""`cotune exhaust`: trains every combination of a small pool into a table."""

from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import Allow, AsJson, DataFolder, InProcess, Overrides, Reuse, RunsFolder, StudyFile
from cotune.cli.run import again


def exhaust(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Table to write (.npz).", show_default=False)],
    seeds: Annotated[str, typer.Option(metavar="N,N", help="Seeds to train each combination with.")] = "0",
    curve: Annotated[
        int, typer.Option(metavar="N", help="Points of the learning curve, each at half the budget of the next.")
    ] = 3,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Fine-tunings handed over together.")] = None,
    reuse: Reuse = None,
    in_process: InProcess = False,
    allow: Allow = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many trainings and how long; train none.")
    ] = False,
    data: DataFolder = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Trains every combination of a small pool into a table.

    The table has scores and learning curves. Each dataset can be the target in turn: all are scored by metric and
    loss. The trials are kept in a study folder of its own, so that a run that was stopped or killed goes on.

    \b
    cotune exhaust study.yaml --out table.npz --dry-run
    cotune exhaust study.yaml --out table.npz --seeds 0,1
    python -m benchmarks.search --tables table.npz         (from a clone)
    """
    from cotune.cli.left import parse_seeds
    from cotune.cli.opening import open_study
    from cotune.cli.stages import load_problem
    from cotune.cli.tabulating import Tabulation, check_scored, exhaustive

    changes = [*(overrides or ()), f"scoring.curve={curve}", *([f"search.batch={batch}"] if batch else [])]
    opened = exhaustive(open_study(study, changes, runs=runs))
    options = ["exhaust", str(study), "--out", str(out), "--seeds", seeds, "--curve", str(curve)]
    options += ["--batch", str(batch)] if batch else []
    problem = load_problem(opened, data=data, quiet=as_json)
    check_scored(problem)
    work = Tabulation(
        opened,
        problem,
        again(options, overrides or (), {"--data": [data], "--runs": [runs], "--reuse": reuse or []}),
        parse_seeds(seeds),
        out,
        reuse=tuple(reuse or ()),
        in_process=in_process,
        allow=allow,
        quiet=as_json,
    )
    return work.preview() if dry_run else work.run()
