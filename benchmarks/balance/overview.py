"""The short table of docs/balance.md: `python -m benchmarks.balance.overview docs/results/balance.json` prints it."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from benchmarks.balance.figures import EVERYWHERE, FRESH, Interval
from benchmarks.balance.page import signed
from cotune.training.balance.choice import EQUAL

HEAD = ("contestant", "runs", "mean", "mean, fresh seeds", "worst task", "normalised", "mean at equal time", "cost")


class Figure(TypedDict):
    """A line of a table as `docs/results/balance.json` keeps it; see `benchmarks.balance.figures.Line`."""

    pool: str
    contestant: str
    is_timed: bool
    runs: int
    minus: Mapping[str, Interval]
    ratio: float


def overview(figures: Sequence[Figure]) -> str:
    """Gives what each contestant's scores differ from equal weights by over all pools, as Markdown.

    Fresh seeds are those that chose nobody; who has none, or was not trained at equal time, has no figure there.
    """
    found = {(one["pool"], one["is_timed"], one["contestant"]): one for one in figures}
    rows = [HEAD, ("---",) * len(HEAD)]
    for (pool, is_timed, name), one in found.items():
        if pool == EVERYWHERE and not is_timed and name != EQUAL:
            fresh, timed = found.get((FRESH, False, name)), found.get((EVERYWHERE, True, name))
            cells = (_points(one), _points(fresh), _points(one, "worst"), _points(one, "normalised", 1), _points(timed))
            rows.append((f"`{name}`", str(one["runs"]), *cells, f"{one['ratio']:.2f}"))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def _points(one: Figure | None, measure: str = "mean", scale: float = 100) -> str:
    return "" if one is None else signed(one["minus"][measure], scale)


def main() -> None:
    """Prints the table of a result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.balance.overview", description=__doc__)
    parser.add_argument("json", type=Path, help="what benchmarks.balance wrote with --json")
    print(overview(json.loads(parser.parse_args().json.read_text())["figures"]), end="")


if __name__ == "__main__":
    main()
