"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[
    Path,
    typer.Argument(metavar="STUDY", help="The study's YAML file, or its folder once it was run.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings that replace the file's, as budget.tokens=50000."),
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder of datasets by name that stands in for the file's sources."),
]
RunsFolder = Annotated[
    Path | None, typer.Option("--runs", metavar="DIR", help="Where study folders are kept.  [default: runs]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only, for programs.")]
SearchSeed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the search.")]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="NAME", help="Target dataset, in place of the file's; repeatable."),
]
TargetsFile = Annotated[
    Path | None, typer.Option("--targets", metavar="FILE", help="YAML file of targets with weights, as {a: 2, b: 1}.")
]
PoolPath = Annotated[
    Path | None, typer.Option("--pool", metavar="PATH", help="Pool of datasets: a YAML file or a folder of folders.")
]
Reuse = Annotated[
    list[Path] | None,
    typer.Option("--reuse", metavar="FOLDER", help="Study folder to take equal trials from; repeatable."),
]
InProcess = Annotated[bool, typer.Option("--in-process", help="Train in this process, for debugging.")]
Allow = Annotated[bool, typer.Option("--allow", help="Where settings or data changed, start a new group of trials.")]
