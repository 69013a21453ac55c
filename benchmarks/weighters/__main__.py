"""Looks at four claims about loss weighters: UW-SO beats others, size, learning rate and weight decay matter or not.

Weighters are equal weights, uncertainty_softmax (UW-SO) and what we have of common ones that go by losses: uncertainty
and uncertainty_optimal, from which UW-SO comes, dwa, gradnorm, famo. Others of the paper (RLW, IMTL-L, a search over
fixed weights) are not here. Size is what is trained: adapters on so many layers from the top of one model. A run that
was stopped goes on with the rows beside its --json.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.balance.__main__ import code_of, settings
from benchmarks.balance.done import Done
from benchmarks.balance.pools import Pool, opened
from benchmarks.balance.running import Runner
from benchmarks.balance.work import Work
from benchmarks.provenance import provenance
from benchmarks.weighters.figures import changes, lines, spreads
from benchmarks.weighters.options import parser, sweep_of
from benchmarks.weighters.page import page
from benchmarks.weighters.sweep import Points, Sweep, check, point


def main() -> None:
    """Runs the benchmark that the command line asks for; what was done before is not done again."""
    options = parser(__doc__).parse_args()
    try:
        sweep = sweep_of(options)
        (pool,) = opened([sweep.pool], sweep.work, None if options.tiny else options.data)
        check(sweep, pool)
        rows = measure(
            sweep, [Runner(work, [pool], done(work, pool, options.json), options.jobs) for work in sweep.works]
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
    _write(sweep, rows, options)


def measure(sweep: Sweep, runners: Sequence[Runner]) -> Points:
    """Trains all of a sweep, size by size and decay by decay."""
    rows = {}
    for count, runner in enumerate(runners, 1):
        work = runner.work
        runner.run(f"{count} of {len(runners)}, top {work.top}, decay {work.weight_decay:g}", sweep.cases)
        rows |= {point(work, case): runner.done.rows[case] for case in sweep.cases}
    return rows


def done(work: Work, pool: Pool, json: Path | None) -> Done:
    """Opens the rows of a size and a decay, which the first line of their file says."""
    path = json.with_suffix(".rows") / f"top-{work.top}-decay-{work.weight_decay:g}.jsonl" if json else None
    return Done(path, {**settings(work), "weight_decay": work.weight_decay}, partial(code_of, pools=[pool]))


def _write(sweep: Sweep, rows: Points, options: Namespace) -> None:
    command, facts = " ".join(["python -m benchmarks.weighters", *sys.argv[1:]]), provenance()
    text = page(command, facts, sweep, rows)
    if options.json:
        figures = {
            "scores": [asdict(line) for line in lines(sweep, rows)],
            "spreads": [asdict(line) for line in spreads(sweep, rows)],
            "changes": [asdict(line) for line in changes(sweep, rows)],
        }
        asked = asdict(sweep)
        asked["work"]["model"] = Path(sweep.work.model).name
        found = [{"top": at.top, "decay": at.decay, **asdict(row)} for at, row in rows.items()]
        result = {"command": command, **facts, "sweep": asked, "figures": figures, "rows": found}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
