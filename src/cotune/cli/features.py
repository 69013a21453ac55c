"""`cotune features`: what the predictor sees of a mixture, as named columns."""

from typing import Annotated

import typer

from cotune.cli.console import print_json, print_table
from cotune.cli.options import AsJson, DataFolder, StudyFile


def features(
    study: StudyFile,
    *,
    mix: Annotated[
        list[str] | None,
        typer.Option("--mix", metavar="A,B", help="Mixture to describe; repeatable.  [default: both anchors]"),
    ] = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    r"""Prints what the predictor sees of a mixture, by column.

    The networks of `default` and `neural` learn from all columns, the processes from the parts alone. The columns come
    from train rows, without those that leak into a dev or test split.

    \b
    cotune features study.yaml --mix reviews,news --mix reviews
    """
    from cotune.cli.mixtures import parse_mixture
    from cotune.cli.opening import open_study
    from cotune.search import features as describe
    from cotune.verdict.wording import title

    problem = open_study(study).problem(data=data)
    mixtures = [parse_mixture(text, problem) for text in mix or ()] or [problem.target_only, problem.everything]
    names, values = describe(problem, mixtures)  # [mixture, feature]
    if as_json:
        rows = [dict(zip(names, map(float, row), strict=True)) for row in values]
        return print_json(
            [{"mixture": one.to_json(), "features": row} for one, row in zip(mixtures, rows, strict=True)]
        )
    columns = [[f"{value:.4f}" for value in row] for row in values.tolist()]
    return print_table(
        ["feature", *(title(problem, mixture) for mixture in mixtures)],
        [list(row) for row in zip(names, *columns, strict=True)],
    )
