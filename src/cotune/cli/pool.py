"""`cotune pool show`: what is known of a published pool of datasets."""

from typing import TYPE_CHECKING, Annotated

import typer

from cotune.cli.console import Json, print_json, print_table, print_text, shorten
from cotune.cli.errors import one_line
from cotune.cli.options import AsJson, DataFolder

if TYPE_CHECKING:
    from cotune.task import Task
    from cotune.tasks.known_pools import FoundSet


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a published pool, as biomed12.")],
    *,
    hub: Annotated[bool, typer.Option(help="Load what the folder lacks and the hub has, or its cache.")] = True,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    r"""Lists the sets of a published pool, at hand or missing.

    \b
    cotune pool show biomed12 --data data/
    """
    from cotune.tasks.known_pools import find_pool

    found = find_pool(name, data, hub=hub)
    if as_json:
        return print_json([facts(one) for one in found])
    print_table(["set", "kind", "licence", "here", "rows", "checksum"], [row for one in found for row in _rows(one)])
    for one in found:
        if one.trouble:
            print_text(f"\nNot reachable here: {one_line(one.trouble)}")
    missing = [one.known.name for one in found if not one.tasks]
    return print_text(f"\nNot at hand: {', '.join(missing) or 'none'}. Sources: cotune pool show {name} --json")


def facts(one: "FoundSet") -> Json:
    """Gives what is known of a set, as JSON."""
    known = one.known
    here: list[Json] = [
        {
            "name": task.name,
            "rows": {split: len(rows) for split, rows in task.rows.items()},
            "checksum": task.fingerprint,
        }
        for task in one.tasks
    ]
    return {
        "name": known.name,
        "kind": known.kind,
        "licence": known.licence,
        "source": known.source,
        "hub": known.hub or None,
        "subset": known.subset or None,
        "here": here,
        "trouble": one.trouble or None,
    }


def _rows(one: "FoundSet") -> list[list[str]]:
    known = one.known
    if not one.tasks:
        return [
            [
                known.name,
                known.kind,
                shorten(known.licence, 40),
                f"no (hub: {known.hub})" if known.hub else "no",
                "",
                "",
            ]
        ]
    return [
        [known.name, task.kind, shorten(task.licence, 40), task.name, _counts(task), task.fingerprint[:12]]
        for task in one.tasks
    ]


def _counts(task: "Task") -> str:
    return " / ".join(f"{len(task.rows.get(split, ())):,}" for split in ("train", "dev", "test"))
