"""`cotune space`: how many mixtures a search chooses from, and which."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from cotune.cli.console import Json, print_json, print_table, print_text
from cotune.cli.options import AsJson, PoolPath, Targets, TargetsFile
from cotune.mixture import Mixture
from cotune.problem import MOST_LEVELS, Problem


def space(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="The study's YAML file or folder.")] = None,
    *,
    pool: PoolPath = None,
    target: Targets = None,
    targets: TargetsFile = None,
    levels: Annotated[int | None, typer.Option(min=1, max=MOST_LEVELS, help="Most parts of a dataset.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Print the number only.")] = False,
    show: Annotated[int, typer.Option("--list", metavar="N", min=0, help="List the first N mixtures.")] = 0,
    as_json: AsJson = False,
) -> None:
    r"""Counts the mixtures to choose from; reads no data.

    \b
    cotune space study.yaml
    cotune space --pool data/ --target reviews --count
    """
    from cotune.cli.opening import problem_of_names

    problem = problem_of_names(study, pool=pool, targets=target, targets_file=targets, levels=levels)
    total = problem.count()
    listed = list(islice(problem.mixtures(), show))
    if as_json:
        facts: dict[str, Json] = {"count": total, "datasets": problem.names, "required": problem.required}
        return print_json(facts | {"levels": problem.levels, "mixtures": [mixture.to_json() for mixture in listed]})
    if count:
        return print_text(str(total))
    within = f", each with {' + '.join(problem.required)}" if problem.required else ""
    print_text(f"{total:,} mixtures of {len(problem.names)} datasets{within}.")
    if listed:
        print_table(["mask", "mixture"], [(str(mask(problem, mixture)), str(mixture)) for mixture in listed])
    return None


def mask(problem: Problem, mixture: Mixture) -> int:
    """Gives the number whose bit i is set if the mixture holds dataset i of the pool."""
    return sum(1 << place for place, name in enumerate(problem.names) if name in mixture)
