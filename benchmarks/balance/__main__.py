"""Trains a language model on pools under every balancer, and compares them with equal weights and with size policies.

All try every learning rate on one seed and are screened on two at the chosen one, at equal tokens; those whose
interval reaches the best are trained at equal time too, and get more seeds. A run that was stopped goes on with the
rows beside its --json.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.balance.code import fingerprint, reached
from benchmarks.balance.contestants import Contestant, chosen, named, obstacle
from benchmarks.balance.costs import costs_page
from benchmarks.balance.done import Done
from benchmarks.balance.figures import Table, tables
from benchmarks.balance.finals import finalists
from benchmarks.balance.options import parser, pools_of, work_of
from benchmarks.balance.page import page
from benchmarks.balance.pools import Pool, opened
from benchmarks.balance.recheck import CODE, recheck
from benchmarks.balance.row import Row
from benchmarks.balance.running import Runner
from benchmarks.balance.stages import at_rate, entries, screened, timing, tuning
from benchmarks.balance.training import Job, run
from benchmarks.balance.work import FIRST_SEEDS, Case, Work
from benchmarks.provenance import provenance
from benchmarks.working import say

TRAINER = ("benchmarks.balance.training",)
NOT_SHARED = ("seeds", "lrs", "tokens", "model", "weight_decay")
"""Fields of the work that are none of the settings that rows share."""


def main() -> None:
    """Runs the benchmark that the command line asks for; what was done before is not done again."""
    options = parser(__doc__).parse_args()
    try:
        work = work_of(options)
        pools = opened(pools_of(options), work, None if options.tiny else options.data)
        contestants = chosen(options.contestants)
        if options.recheck:
            _recheck(work, pools, options)
        runner = Runner(work, pools, _done(work, pools, options.json), options.jobs)
        suited = {pool.name: _suited(pool, contestants, work) for pool in pools}
        table = Table(work, pools, suited, runner.done.rows)
        runner.run("costs", timing(pools, suited, work))
        if not options.costs:
            measure(runner, table)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
    _write(table, options)


def measure(runner: Runner, table: Table) -> None:
    """Trains all that the stages ask for."""
    work, pools, suited, rows = table.work, table.pools, table.suited, table.rows
    runner.run("learning rates", tuning(pools, suited, work))
    every = entries(pools, suited)
    first = range(min(FIRST_SEEDS, work.seeds))
    runner.run("screen", list(at_rate(screened(pools, suited), rows, work, first, timed=False)))
    found = finalists(table, every, timed=False)
    runner.run("equal time", list(at_rate(found, rows, work, first, timed=True)))
    rest = range(len(first), work.seeds)
    for timed in (False, True):
        found = finalists(table, every, timed=timed)
        runner.run("more seeds", list(at_rate(found, rows, work, rest, timed=timed)))


def code_of(case: Case, pools: Sequence[Pool]) -> str:
    """Gives the fingerprint of a case's data and of its contestant's own code, that the trainer does not import."""
    marks = {pool.name: pool.mark for pool in pools}
    try:
        own = fingerprint(named(case.contestant).modules, without=reached(TRAINER))
    except KeyError:
        return "gone"
    return f"{marks.get(case.pool, 'gone')} {own}"


def settings(work: Work) -> dict[str, object]:
    """Gives what all rows share.

    What a case says may be another when a run goes on, and seeds, pools, contestants, processes. Weight decay is the
    default's here.
    """
    asked = {name: value for name, value in asdict(work).items() if name not in NOT_SHARED}
    return {
        **asked,
        "model": Path(work.model).name,
        CODE: fingerprint(TRAINER),
        "versions": provenance()["versions"],
    }


def _suited(pool: Pool, contestants: Sequence[Contestant], work: Work) -> list[str]:
    found = []
    for contestant in contestants:
        reason = obstacle(contestant, pool.tasks, pool.targets, work)
        if reason:
            say(f"{contestant.name} is left out of {pool.name}: {reason}")
        else:
            found.append(contestant.name)
    return found


def _recheck(work: Work, pools: Sequence[Pool], options: Namespace) -> None:
    """Has rows of code that changed count again, if trainings repeated give the same."""
    code = partial(code_of, pools=pools)

    def train(case: Case) -> Row:
        pool = next(pool for pool in pools if pool.name == case.pool)
        return run(Job(case, pool, work, code(case)))

    recheck(_path(options.json), settings(work), code, train, count=options.recheck)


def _done(work: Work, pools: Sequence[Pool], path: Path | None) -> Done:
    """Opens the rows."""
    return Done(_path(path) if path else None, settings(work), partial(code_of, pools=pools))


def _path(json: Path) -> Path:
    """Gives the file of the rows, beside that of the figures."""
    return json.with_suffix(".rows.jsonl")


def _write(table: Table, options: Namespace) -> None:
    command, facts = " ".join(["python -m benchmarks.balance", *sys.argv[1:]]), provenance()
    text = costs_page(command, facts, table.rows) if options.costs else page(command, facts, table)
    if options.json and not options.costs:
        figures = [asdict(line) for timed in (False, True) for _, found in tables(table, timed=timed) for line in found]
        work = {**asdict(table.work), "model": Path(table.work.model).name}
        rows = [asdict(row) for row in table.rows.values()]
        result = {"command": command, **facts, "work": work, "figures": figures, "rows": rows}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
