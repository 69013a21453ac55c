"""The tables of the benchmark of weighters as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from benchmarks.balance.figures import Interval
from benchmarks.weighters.figures import MEASURES, Change, Line, Spread, changes, lines, spreads
from benchmarks.weighters.sweep import SOFTMAX, Points, Sweep
from cotune.training.balance.choice import EQUAL

LEAST_TO_LARGEST = 3
"""Up to so many seeds a bootstrap interval reaches from the least of them to the largest: all resamples alike are not
rarer than one in forty."""
MANY = 10


def page(command: str, facts: Mapping[str, object], sweep: Sweep, rows: Points) -> str:
    """Gives the whole page."""
    return "\n".join(
        [
            heading(command, facts, sweep, rows),
            against(lines(sweep, rows)),
            apart(spreads(sweep, rows)),
            changed(list(changes(sweep, rows))),
        ]
    )


def heading(command: str, facts: Mapping[str, object], sweep: Sweep, rows: Points) -> str:
    """Gives what is said above the tables."""
    work, versions = sweep.work, cast(dict[str, str], facts["versions"])
    machines = " and ".join(sorted({row.machine for row in rows.values()}))
    named = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers", "peft") if name in versions)
    steps = round(work.tokens / work.batch_tokens)
    most = 100 * max(work.lrs) * max(sweep.decays) * steps
    return (
        "<!-- written by benchmarks/weighters; do not edit -->\n"
        'Four claims of Kirchdorfer et al. (2024), "Analytical Uncertainty-Based Loss Weighting in Multi-Task '
        f'Learning", about UW-SO (`{SOFTMAX}`), looked at in a smaller sweep than theirs: pool `{sweep.pool}`, '
        f"trainings of {work.tokens} tokens in batches of {work.batch_tokens}, {len(sweep.weighters)} weighters at "
        f"rates {listed(work.lrs)} and decays {listed(sweep.decays)}, LoRA on the top {listed(sweep.tops)} layers "
        "of one model. **Size is what is trained, not the network.** Weighters keep their default options: the paper "
        "tunes UW-SO's temperature, and has weighters that are not here. Scores are of "
        f"{work.report} test rows of each target, in points.\n\n"
        f"{caveat(work.seeds)} A decay can do little in a short training: about {steps} steps shrink a weight by at "
        f"most {most:.2g} % at the largest rate and decay.\n\n"
        f"`{command}` at commit {facts['commit']} on {machines}, one thread a process, Python {facts['python']}, "
        f"{named}.\n"
    )


def caveat(seeds: int) -> str:
    """Says what brackets are worth with so many seeds."""
    if seeds == 1:
        return "**One seed: brackets repeat the figure before them, and nothing here is a finding.**"
    what = f"Brackets are 95 % bootstrap intervals over {seeds} seeds, paired."
    if seeds <= LEAST_TO_LARGEST:
        return f"{what} **With so few seeds they reach from the least to the largest run, and settle nothing.**"
    return what if seeds >= MANY else f"{what} With so few seeds they are narrower than they claim."


def against(found: Sequence[Line]) -> str:
    """Gives the scores of all weighters by size, with what was counted of the first claim."""
    head = ("top", "weighter", "rate", "decay", "mean score", f"mean - {EQUAL}", f"{SOFTMAX} - mean", "failed")
    cells = [
        (
            f"{line.top}",
            line.weighter,
            number(line.lr),
            number(line.decay),
            "" if line.score is None else f"{100 * line.score:.1f}",
            "" if line.weighter == EQUAL else points(line.minus, "+"),
            "" if line.weighter == SOFTMAX else points(line.behind, "+"),
            f"{line.failed}",
        )
        for line in found
    ]
    counted = "".join(_counted(top, found) for top in dict.fromkeys(line.top for line in found))
    return (
        "## UW-SO beats the others\n\n"
        "Each weighter at the rate and decay that score best on dev rows, seeds together.\n\n"
        f"{counted}\n{table(head, cells)}"
    )


def apart(found: Sequence[Spread]) -> str:
    """Gives the spread over weighters by size."""
    title = "## Weighting matters less at a larger size\n\n"
    if not found:
        return f"{title}Fewer than two weighters have scores at every size.\n"
    first = found[0].top
    head = (
        "top",
        "weighters",
        "standard deviation",
        f"that - top {first}'s",
        "largest - least",
        f"that - top {first}'s",
    )
    cells = []
    for line in found:
        pairs = [(points(line.apart[key]), points(line.minus[key], "+")) for key in MEASURES]
        figures = [text if line.top != first or not place else "" for pair in pairs for place, text in enumerate(pair)]
        cells.append((f"{line.top}", f"{line.weighters}", *figures))
    return (
        f"{title}How far the weighters' scores of the table above lie apart on a seed. It holds where differences "
        "from the first size are below zero. Noise is in the spread too: it is above zero where weighting does "
        "nothing.\n\n" + table(head, cells)
    )


def changed(found: Sequence[Change]) -> str:
    """Gives what rates and decays change."""
    head = ("top", "between rates", "between decays", "rates - decays", "between seeds")
    cells = [
        (
            "all" if line.top is None else f"{line.top}",
            points(line.rates),
            points(line.decays),
            points(line.minus, "+"),
            "" if line.seeds is None else f"{100 * line.seeds:.1f}",
        )
        for line in found
    ]
    return (
        "## The learning rate matters, weight decay hardly\n\n"
        "Mean absolute change of the test score between two values, everything else equal, all weighters. What "
        "changes less than between seeds hardly matters.\n\n" + table(head, cells)
    )


def _counted(top: int, found: Sequence[Line]) -> str:
    """Counts those that UW-SO is ahead of at a size."""
    others = [line.behind for line in found if line.top == top and line.weighter != SOFTMAX and line.behind]
    ahead, sure = sum(values[0] > 0 for values in others), sum(values[1] > 0 for values in others)
    worse = sum(values[2] < 0 for values in others)
    return (
        f"- top {top}: `{SOFTMAX}` has a higher mean than {ahead} of {len(others)}, the interval is above zero for "
        f"{sure}, below zero for {worse}.\n"
    )


def table(head: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """Gives a table with a head."""
    return "".join("| " + " | ".join(row) + " |\n" for row in [head, ("---",) * len(head), *cells])


def points(values: Interval | None, sign: str = "") -> str:
    """Gives an interval in points; `sign` + writes those of its figures."""
    if values is None:
        return ""
    return "{0:{3}.1f} [{1:{3}.1f}, {2:{3}.1f}]".format(*(100 * value for value in values), sign)


def number(value: float | None) -> str:
    """Gives a number in short, nothing for none."""
    return "" if value is None else f"{value:g}"


def listed(values: Sequence[float]) -> str:
    """Gives numbers with commas."""
    return ", ".join(f"{value:g}" for value in values)
