"""Compares search methods on pools of which every combination was trained."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.curve import PREDICTORS, curve
from benchmarks.methods import METHODS, Case, Row, Rules, run
from benchmarks.provenance import provenance
from benchmarks.summary import markdown, summarise
from cotune.testing import REGIMES, landscape, load_table, tabulate
from cotune.testing.tables import Score

SHIPPED = [Path(__file__).parent / "tables" / name for name in ("ner11.npz", "gen9.npz")]
FIGURES = ("nregret", "top1pct", "top1", "rank_percent", "runs", "seconds_per_proposal")


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options, facts = _parser().parse_args(), provenance()
    rules = Rules(options.budgets, options.batch, options.noise, options.seed)
    known = sorted(PREDICTORS if options.learning_curve else METHODS)
    methods = options.methods or known
    unknown = sorted(set(methods) - set(known))
    if unknown:
        sys.exit(f"Unknown methods {unknown}; there are {known}.")
    cases = list(_cases(options, methods))
    work: Callable[[Case], list[Row]] = partial(curve if options.learning_curve else run, rules=rules)
    if options.jobs == 1:
        rows = [row for case in cases for row in work(case)]
    else:
        with ProcessPoolExecutor(options.jobs) as pool:
            rows = [row for found in pool.map(work, cases, chunksize=4) for row in found]
    figures = ("spearman",) if options.learning_curve else FIGURES
    summary = summarise(rows, figures)
    text = markdown(summary, *figures[:2])
    if options.json:
        result = {"command": _command(), **facts, "seed": options.seed, "rows": rows}
        result["summary"] = [asdict(line) for line in summary]
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(_heading(options.learning_curve, facts) + text)
    print(text)


def _cases(options: argparse.Namespace, methods: Sequence[str]) -> Iterator[Case]:
    tables = [] if options.landscapes else options.tables
    for path in tables:
        table = load_table(path, score=options.score)
        for targets in _in_turn(table.names, options.targets_together):
            for method in methods:
                yield from (Case(path.stem, path.stem, table, targets, method, n) for n in range(options.repeats))
    for number in range(options.landscapes):
        for index, regime in enumerate(REGIMES):
            rng = np.random.default_rng([options.seed, index, number])
            jitter = (0.05, 0.2, 0.5)[number % 3]
            table = tabulate(landscape(regime, rng, size=8 + number % 5, jitter=jitter))
            for method in methods:
                name = f"{regime}-{number}"
                yield from (Case(regime, name, table, ("t00",), method, n) for n in range(options.repeats))


def _in_turn(names: Sequence[str], count: int) -> Iterator[tuple[str, ...]]:
    """Yields each name with the `count - 1` that follow it, the first ones after the last."""
    twice = [*names, *names]
    yield from (tuple(twice[start : start + count]) for start in range(len(names)))


def _heading(learning_curve: bool, facts: Mapping[str, object]) -> str:
    what = (
        "Spearman correlation of predicted and true scores over all combinations not trained, by number trained"
        if learning_curve
        else "Mean normalised regret (0 is the optimum, 1 an average combination), and share of choices in the top 1 %"
    )
    return (
        f"<!-- written by benchmarks/search.py; do not edit -->\n{what}; brackets are 95 % bootstrap intervals over "
        f"problems.\n`{_command()}` at commit {facts['commit']} on {facts['hardware']}.\n\n"
    )


def _command() -> str:
    return " ".join(["python -m benchmarks.search", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    add = parser.add_argument
    add("--tables", type=Path, nargs="+", default=SHIPPED, help="tables (.npz) of trained pools; ours by default")
    add("--landscapes", type=int, default=0, help="search this many synthetic pools a regime instead of tables")
    add("--budgets", type=_numbers, default=(12, 24, 48), help="numbers of runs, as 12,24,48")
    add("--methods", type=_names, default=(), help="methods, as default,random; all of them by default")
    add("--repeats", type=int, default=5, help="searches of each problem with other seeds")
    add("--score", choices=get_args(Score), default="nll", help="which score of the tables counts")
    add("--targets-together", type=int, default=1, help="targets of a problem, their scores averaged")
    add("--noise", type=float, default=0.0, help="noise of a run, in distances from the median to the best score")
    add("--batch", type=int, default=1, help="requests proposed at a time")
    add("--learning-curve", action="store_true", help="measure how well unseen combinations are ranked")
    add("--seed", type=int, default=0, help="seed of all draws")
    add("--jobs", type=int, default=1, help="processes")
    add("--json", type=Path, help="write rows, summary and provenance here")
    add("--markdown", type=Path, help="write the printed table here")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


if __name__ == "__main__":
    main()
