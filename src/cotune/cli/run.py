"""`cotune run`: the search itself, to be stopped and run again at will."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.options import (
    Allow,
    AsJson,
    DataFolder,
    InProcess,
    Overrides,
    Reuse,
    RunsFolder,
    SearchSeed,
    StudyFile,
    Targets,
    TargetsFile,
)


def run(
    study: StudyFile,
    overrides: Overrides = None,
    *,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Fine-tunings in all, over all runs.")] = None,
    max_hours: Annotated[float | None, typer.Option(metavar="H", help="Start nothing new after so many hours.")] = None,
    patience: Annotated[int | None, typer.Option(metavar="N", help="Stop after N without a better value.")] = None,
    min_improvement: Annotated[
        float | None, typer.Option(metavar="X", help="Stop when less than X (a score) is expected to be gained.")
    ] = None,
    min_improvement_noise: Annotated[
        float | None, typer.Option(metavar="F", help="Stop when less than F of the noise between seeds is expected.")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sampler: a name or your own module:object.")
    ] = None,
    balancer: Annotated[
        str | None, typer.Option(metavar="NAME", help="How the datasets' losses are balanced while they train.")
    ] = None,
    mixing: Annotated[
        str | None, typer.Option(metavar="NAME", help="How the datasets' shares change while they train.")
    ] = None,
    curriculum: Annotated[
        str | None, typer.Option(metavar="NAME", help="In which order the datasets are shown while they train.")
    ] = None,
    merging: Annotated[
        str | None, typer.Option(metavar="NAME", help="Train each dataset by itself and merge the adapters.")
    ] = None,
    seed: SearchSeed = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Fine-tunings proposed together.")] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of several targets: mean, worst or pareto (their front).")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=X", help="Lose at most X (a score) against the base model there; repeatable."),
    ] = None,
    target: Targets = None,
    targets: TargetsFile = None,
    reuse: Reuse = None,
    in_process: InProcess = False,
    allow: Allow = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First make a damaged journal again from its trials.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained next; train nothing.")] = False,
    data: DataFolder = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Searches for the best mixture; stop and rerun it at will.

    \b
    cotune run study.yaml --trials 24
    cotune run study.yaml --sampler random budget.tokens=50000
    Ctrl-C stops it; the same command goes on. Next: cotune report study.yaml
    """
    from cotune.cli.opening import chosen_targets, open_study
    from cotune.cli.preview import preview
    from cotune.cli.searching import Search
    from cotune.cli.stages import load_problem

    settings = {
        "objective": objective,
        "search.trials": trials,
        "search.max_hours": max_hours,
        "search.patience": patience,
        "search.min_improvement": min_improvement,
        "search.min_improvement_noise": min_improvement_noise,
        "search.sampler": sampler,
        "train.balancer.name": balancer,
        "train.mixing.name": mixing,
        "train.curriculum.name": curriculum,
        "train.merging.name": merging,
        "search.seed": seed,
        "search.batch": batch,
    }
    changes = [*(overrides or ()), *chosen_targets(target, targets), *given(settings.items()), *kept(keep)]
    opened = open_study(study, changes, runs=runs)
    search = Search(
        opened,
        load_problem(opened, data=data, quiet=as_json),
        again(["run", str(study)], changes, {"--data": [data], "--runs": [runs], "--reuse": reuse or []}),
        reuse=tuple(reuse or ()),
        in_process=in_process,
        allow=allow,
        quiet=as_json,
    )
    if dry_run:
        return preview(search, as_json=as_json)
    if rebuild:
        search.rebuild()
    return search.run()


def again(words: Sequence[str], changes: Sequence[str], options: Mapping[str, Sequence[Path | None]]) -> str:
    """Gives the command line that begins with `words` and ends in the same study."""
    kept = [word for name, values in options.items() for value in values if value for word in (name, str(value))]
    return shlex.join(["cotune", *words, *changes, *kept])


def kept(keep: Sequence[str] | None) -> list[str]:
    """Gives the overrides that --keep NAME=X stands for."""
    return [f"keep.{text}" for text in keep or ()]


def given(settings: Iterable[tuple[str, int | float | str | None]]) -> list[str]:
    """Gives the overrides that options stand for; options that were not given stand for none."""
    return [f"{key}={value}" for key, value in settings if value is not None]
