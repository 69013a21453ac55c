"""The tables of the balance benchmark as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from benchmarks.balance.costs import costs
from benchmarks.balance.figures import Interval, Line, Table, tables
from benchmarks.balance.pools import Pool
from benchmarks.balance.stages import TUNING_SEED
from cotune.training.balance.choice import EQUAL

BUDGETS = {False: "Equal tokens", True: "Equal time"}


def page(command: str, facts: Mapping[str, object], table: Table) -> str:
    """Gives the whole page."""
    parts = [heading(command, facts, table), learned(table), costs(table.rows)]
    for timed, budget in BUDGETS.items():
        for title, lines in tables(table, timed=timed):
            parts.append(f"## {budget}, {title}\n\n{markdown(lines)}")
    return "\n".join(parts)


def heading(command: str, facts: Mapping[str, object], table: Table) -> str:
    """Gives what is said above the tables."""
    work = table.work
    versions = cast(dict[str, str], facts["versions"])
    machines = " and ".join(sorted({row.machine for row in table.rows.values()}))
    libraries = ("torch", "transformers", "peft")
    named = ", ".join(f"{name} {versions[name]}" for name in libraries if name in versions)
    return (
        "<!-- written by benchmarks/balance; do not edit -->\n"
        f"Trainings of {work.tokens} tokens in batches of {work.batch_tokens}, LoRA on the top {work.top} layers; of "
        f"the rates {', '.join(f'{lr:g}' for lr in work.lrs)} each contestant takes the one that scores best on "
        f"{work.choose} dev rows of each target at seed {TUNING_SEED}, pool by pool. Scores are of "
        f"{work.report} test rows, in points; brackets are 95 % bootstrap intervals over runs (a pool and a seed), "
        f"paired with {EQUAL} weights, or with the baseline that a table names. How to read it: "
        "[balance](../balance.md).\n\n"
        f"`{command}` at commit {facts['commit']} on {machines}, one thread a process, Python "
        f"{facts['python']}, {named}.\n"
    )


def learned(table: Table) -> str:
    """Gives what the targets score untrained, trained on alone, and under equal weights."""
    lines = ["## What was learned\n", "| pool | target | untrained | alone | equal weights |", "|---" * 5 + "|"]
    for pool in table.pools:
        lines += _learned(table, pool)
    return "\n".join(lines) + "\n"


def _learned(table: Table, pool: Pool) -> Iterator[str]:
    columns = [table.base(pool), table.singles(pool), table.reached(pool, EQUAL)]
    for name in pool.targets:
        yield f"| {pool.name} | {name} | " + " | ".join(f"{100 * column[name]:.1f}" for column in columns) + " |"


def markdown(lines: Sequence[Line]) -> str:
    """Gives one table, whose lines have one reference."""
    head = _head(lines[0].reference if lines else EQUAL)
    rows = [head, ("---",) * len(head), *(_cells(line) for line in lines)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in rows)


def _head(reference: str) -> tuple[str, ...]:
    minus = (f"{measure} - {reference}" for measure in ("mean", "worst task", "normalised", "loss"))
    return ("contestant", "runs", "mean score", *minus, "rates", "tokens", "seconds", "cost")


def _cells(line: Line) -> tuple[str, ...]:
    failed = f" ({line.failed} failed)" if line.failed else ""
    is_reference = line.contestant == line.reference
    return (
        line.contestant,
        f"{line.runs}{failed}",
        f"{100 * line.means['mean']:.1f}",
        *(
            "" if is_reference else signed(line.minus[measure], scale)
            for measure, scale in (("mean", 100), ("worst", 100), ("normalised", 1), ("loss", 1))
        ),
        ", ".join(f"{lr:g}" for lr in line.rates.values()),
        f"{line.tokens:.0f}",
        f"{line.seconds:.3g}",
        f"{line.ratio:.2f}",
    )


def signed(values: Interval, scale: float) -> str:
    """Gives a difference with its interval: of scores in points at a scale of 100, else to three digits."""
    form = "{:+.1f} [{:+.1f}, {:+.1f}]" if scale > 1 else "{:+.3f} [{:+.3f}, {:+.3f}]"
    return form.format(*(scale * value for value in values))
