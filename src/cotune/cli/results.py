"""What a study's folder says, as a report."""

from pathlib import Path

from cotune.cli.balancing import other_records
from cotune.cli.errors import describe, one_line, say
from cotune.cli.opening import Opened
from cotune.config import build_problem
from cotune.config.pool import names_only
from cotune.journal import read_journal
from cotune.problem import Problem
from cotune.reporting import Report, build_report
from cotune.training.embedded import shown_name


def read_report(opened: Opened, *, data: Path | None = None) -> Report:
    """Gives the report on a study that was run.

    Raises:
        FileNotFoundError: it was not run yet.
    """
    view = read_journal(opened.folder)
    problem = problem_or_names(opened, data=data)
    config = opened.config
    model = "" if config.evaluate else shown_name(config.model)
    return build_report(
        problem,
        view.records,
        view.log,
        name=config.name,
        model=model,
        settings=view.settings,
        balancer=config.train.balancer.name,
        others=other_records(opened, view),
    )


def problem_or_names(opened: Opened, *, data: Path | None = None) -> Problem:
    """Gives the problem with its rows or, with a warning, with names alone where a dataset is not there any more."""
    try:
        return opened.problem(data=data, clean=False)
    except (OSError, ValueError) as error:
        say(f"Warning: rows and licences are left out, as the datasets could not be read: {one_line(describe(error))}")
        return build_problem(opened.config, names_only(opened.config.datasets))
