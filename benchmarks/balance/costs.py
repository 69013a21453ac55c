"""What a step costs under each contestant, in units of a step under equal weights, as Markdown."""

from collections.abc import Mapping

from benchmarks.balance.stages import Rows, ratio
from benchmarks.balance.work import TIMING_STEPS
from cotune.training.balance.choice import EQUAL, PLACES, Balance, needs_of

HEAD = "| contestant | asks for | cost | seconds |\n|---|---|---|---|\n"


def costs(rows: Rows) -> str:
    """Gives the table of costs, the cheapest first; empty where none was measured."""
    timed = {case.contestant: row for case, row in rows.items() if case.is_timing and not row.error}
    lines = [
        f"| {name} | {asked(name)} | {ratio(name, rows):.2f} | {timed[name].seconds:.3g} |\n"
        for name in sorted(timed, key=lambda name: ratio(name, rows))
    ]
    return "## What a step costs\n\n" + HEAD + "".join(lines) if lines else ""


def asked(name: str) -> str:
    """Names what a balancer asks for; for others what they are."""
    if name not in PLACES:
        return "not a balancer"
    return ", ".join(sorted(needs_of(Balance(name)))) or "nothing"


def costs_page(command: str, facts: Mapping[str, object], rows: Rows) -> str:
    """Gives a page of costs alone."""
    return (
        "<!-- written by benchmarks/balance; do not edit -->\n"
        f"Processor seconds of trainings of {TIMING_STEPS} steps without their scoring, two of them between three of "
        f"`{EQUAL}`: the cost is the ratio of the means. Trainings of references count.\n\n"
        f"`{command}` at commit {facts['commit']} on {facts['hardware']}, one thread a process.\n\n" + costs(rows)
    )
