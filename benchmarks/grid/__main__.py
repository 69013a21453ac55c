"""Trains under every fixed weighting of a grid, and compares the best on dev with weighters, merging and size policies.

The reference that every rule for weights has to beat: Xin et al. (2022), "Do Current Multi-Task Optimization Methods in
Deep Learning Even Help?". A run that was stopped goes on with the rows beside its --json.
"""

import argparse
import json
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks.balance.__main__ import code_of, settings
from benchmarks.balance.done import Done
from benchmarks.balance.options import SHARED
from benchmarks.balance.pools import POOLS, opened
from benchmarks.balance.running import Runner
from benchmarks.balance.work import Work
from benchmarks.engine.models import SIZES, folder_of
from benchmarks.grid.figures import lines, spread
from benchmarks.grid.page import page
from benchmarks.grid.sweep import SMALL, SMALL_RIVALS, SMALL_STEP, USUAL, Rows, Sweep
from benchmarks.provenance import provenance
from cotune.cache import cache_root


def main() -> None:
    """Runs the benchmark that the command line asks for; what was done before is not done again."""
    options = _parser().parse_args()
    try:
        sweep = sweep_of(options)
        path = options.json.with_suffix(".rows.jsonl") if options.json else None
        done = Done(path, settings(sweep.work), partial(code_of, pools=[sweep.pool]))
        Runner(sweep.work, [sweep.pool], done, options.jobs).run("grid", sweep.cases)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
    _write(sweep, done.rows, options)


def sweep_of(options: Namespace) -> Sweep:
    """Gives the sweep that the options ask for; a random model is made if it is not there.

    Raises:
        ValueError: an amount is out of its range, or a contestant cannot train on the pool.
    """
    if options.jobs < 1:
        raise ValueError(f"--jobs is at least 1; got {options.jobs}.")
    usual: Work = SMALL if options.tiny else USUAL
    model = folder_of("tiny" if options.tiny else options.model, cache_root() / "benchmark-models")
    asked = {name: vars(options)[name] for name in ("seeds", "tokens", "top") if vars(options)[name] is not None}
    work = replace(usual, model=model, lrs=tuple(options.lrs or usual.lrs), **asked)
    (pool,) = opened([options.pool], work, None if options.tiny else options.data)
    step = options.step or (SMALL_STEP if options.tiny else Sweep.step)
    sweep = Sweep(work, pool, step, SMALL_RIVALS if options.tiny else Sweep.rivals)
    sweep.weightings  # noqa: B018  (raises where the step is wrong)
    return sweep


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grid", description=__doc__)
    add = parser.add_argument
    add("--tiny", action="store_true", help="a random tiny model on made-up rows, few weightings")
    add("--model", default=USUAL.model, help=f"embedded, a folder, or random weights: {', '.join(SIZES)}")
    add("--data", type=Path, default=SHARED, help="folder with a folder for each dataset")
    add("--pool", choices=list(POOLS), default="uneven", help="what is trained on; uneven unless said")
    add("--step", type=float, help=f"between weights, which sum to 1; {Sweep.step:g} unless said")
    add("--top", type=int, help=f"on how many layers from the top adapters are; {USUAL.top} unless said")
    add("--lrs", type=float, nargs="+", help=f"learning rates; {' '.join(map(str, USUAL.lrs))} unless said")
    add("--seeds", type=int, help=f"seeds of each training; {USUAL.seeds} unless said")
    add("--tokens", type=int, help=f"tokens of a training; {USUAL.tokens} unless said")
    add("--jobs", type=int, default=1, help="processes, of one thread each")
    add("--json", type=Path, help="write all figures and provenance here, and rows into a file beside it")
    add("--markdown", type=Path, help="write the printed page here")
    return parser


def _write(sweep: Sweep, rows: Rows, options: Namespace) -> None:
    command, facts = " ".join(["python -m benchmarks.grid", *sys.argv[1:]]), provenance()
    mine = {case: rows[case] for case in sweep.cases}
    text = page(command, facts, sweep, mine)
    if options.json:
        found = spread(sweep, mine)
        result = {
            "command": command,
            **facts,
            "work": {**asdict(sweep.work), "model": Path(sweep.work.model).name},
            "lines": [asdict(line) for line in lines(sweep, mine)],
            "spread": asdict(found) if found else None,
            "rows": [asdict(row) for row in mine.values()],
        }
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
