"""The page of the benchmark of fixed weights as Markdown."""

from collections.abc import Mapping, Sequence
from typing import cast

from benchmarks.grid.figures import GRID, Line, Spread, lines, spread
from benchmarks.grid.sweep import JOINT, MERGED, MIXED, Rows, Sweep
from benchmarks.weighters.page import caveat, listed, number, points, table
from cotune.training.balance.choice import EQUAL


def page(command: str, facts: Mapping[str, object], sweep: Sweep, rows: Rows) -> str:
    """Gives the whole page."""
    return "\n".join([heading(command, facts, sweep, rows), compared(lines(sweep, rows)), apart(spread(sweep, rows))])


def heading(command: str, facts: Mapping[str, object], sweep: Sweep, rows: Rows) -> str:
    """Gives what is said above the tables."""
    work, versions = sweep.work, cast(dict[str, str], facts["versions"])
    machines = " and ".join(sorted({row.machine for row in rows.values()}))
    packages = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers", "peft") if name in versions)
    names = ", ".join(task.name for task in sweep.pool.tasks)

    def named(group: Sequence[str]) -> str:
        return ", ".join(f"`{name}`" for name in group if name in sweep.rivals)

    return (
        "<!-- written by benchmarks/grid; do not edit -->\n"
        f"Scalarisation by brute force: {len(sweep.weightings)} fixed weightings of the losses of {names} (multiples "
        f"of {sweep.step:g} that sum to 1), each trained, the best on dev kept. Beside it what weighs while it trains, "
        f"at default options, and the baselines by name: joint training on the total loss ({named(JOINT)}; "
        f"`equal` draws tokens of all datasets alike, `uniform` rows), model merging ({named(MERGED)}), and methods "
        f"whose papers compare with these ({named(MIXED)}). Pool `{sweep.pool.name}`, trainings of {work.tokens} "
        f"tokens in batches of {work.batch_tokens}, LoRA on the top {work.top} layers, rates {listed(work.lrs)}. "
        f"Scores are of {work.report} test rows of each target, in points. Merging has the tokens of one joint "
        "training; references of AMA (specialists) are trained on top of theirs.\n\n"
        f"{caveat(work.seeds)} The grid is chosen out of more trainings than any other: what it is ahead on dev is "
        "luck in part, which its test score is free of.\n\n"
        f"`{command}` at commit {facts['commit']} on {machines}, one thread a process, Python {facts['python']}, "
        f"{packages}.\n"
    )


def compared(found: Sequence[Line]) -> str:
    """Gives the scores of all, with what was counted."""
    head = ("contestant", "rate", "trainings a seed", "mean score", f"mean - {EQUAL}", f"{GRID} - mean", "failed")
    cells = [
        (
            f"{line.name} ({line.of})" if line.of else line.name,
            number(line.lr),
            f"{line.trainings}",
            "" if line.score is None else f"{100 * line.score:.1f}",
            "" if line.name == EQUAL else points(line.minus, "+"),
            "" if line.name == GRID else points(line.behind, "+"),
            f"{line.failed}",
        )
        for line in found
    ]
    others = [line.behind for line in found if line.name != GRID and line.behind]
    sure, worse = sum(each[1] > 0 for each in others), sum(each[2] < 0 for each in others)
    return (
        "## The best of the grid beside the others\n\n"
        "Each at the rate that scores best on dev rows, seeds together; the grid at weighting and rate. The grid's "
        f"interval is above zero against {sure} of {len(others)} others, below zero against {worse}.\n\n"
        f"{table(head, cells)}"
    )


def apart(found: Spread | None) -> str:
    """Says how far fixed weights lie apart."""
    title = "## What fixed weights make of it\n\n"
    if found is None:
        return f"{title}No weighting has scores.\n"
    least, middle, most = (100 * value for value in (found.least, found.middle, found.most))
    return (
        f"{title}Mean test scores of {found.weightings} weightings, each at its rate chosen on dev, reach from "
        f"{least:.1f} to {most:.1f} (`{found.best}`), median {middle:.1f}; {found.above} are above `{EQUAL}`. The "
        "largest was found on test: it is what no choice can be sure to reach.\n"
    )
