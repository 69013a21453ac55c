"""Compares search methods on pools of which every combination was trained."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial

from benchmarks import curve, searching
from benchmarks.case import Case, Rules
from benchmarks.markdown import CURVE, SEARCH, markdown
from benchmarks.methods import chosen
from benchmarks.options import parser
from benchmarks.pools import Pool, draw_pools, holds_shipped, open_pool
from benchmarks.provenance import PEERS, provenance, versions
from benchmarks.rows import RowFile, fingerprint
from benchmarks.scorings import log_scoring
from benchmarks.summary import summarise
from benchmarks.working import Work, run_all, say


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options = parser(__doc__).parse_args()
    try:
        print(_benchmark(options))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here" if options.json else "stopped")


def _benchmark(options: argparse.Namespace) -> str:
    methods = curve.chosen(options.methods) if options.learning_curve else chosen(options.methods, tell=say)
    if options.against not in {*methods, "default"}:
        raise ValueError(f"Differences are from a method that takes part; {options.against!r} is none of {methods}.")
    pools, facts = list(_pools(options)), provenance()
    rules = Rules(options.budgets, options.batch, options.noise, options.seed)
    work: Work = partial(curve.run if options.learning_curve else searching.run, rules=rules)
    file = RowFile(options.json.with_suffix(".rows.jsonl"), _settings(options, rules)) if options.json else None
    rows = run_all(list(_cases(pools, methods, options)), work, file, options.jobs)
    figures = CURVE if options.learning_curve else SEARCH
    lines = summarise(rows, figures, against=options.against)
    if holds_shipped(pools):
        log_scoring(_command(), facts, figures[0], lines)
    text = markdown(lines, options.against)
    if options.json:
        result = {"command": _command(), **facts, "seed": options.seed, "against": options.against, "rows": rows}
        result["summary"] = [asdict(line) for line in lines]
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(_heading(options, facts) + text)
    return text


def _pools(options: argparse.Namespace) -> Iterator[Pool]:
    """Yields the pools; names are unique.

    Raises:
        ValueError: two tables have one name.
    """
    if options.landscapes:
        yield from draw_pools(options.landscapes, options.regimes, options.seed, options.knobs)
        return
    names = [path.stem for path in options.tables]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"Tables are told apart by their names; {repeated} appear twice. Rename one of each.")
    yield from (open_pool(path, options.score) for path in options.tables)


def _cases(pools: Iterable[Pool], methods: Sequence[str], options: argparse.Namespace) -> Iterator[Case]:
    """Yields the searches; of a landscape, whose tasks are all drawn alike, the first target alone."""
    for pool in pools:
        turns = list(pool.targets(options.targets_together))
        for targets in turns[:1] if options.landscapes else turns:
            for method in methods:
                yield from (Case(pool, targets, method, repeat) for repeat in range(options.repeats))


def _settings(options: argparse.Namespace, rules: Rules) -> Mapping[str, object]:
    """Gives what rows of one file have in common; tables, targets, methods and repeats may be added to."""
    figure = CURVE[0] if options.learning_curve else SEARCH[0]
    packages = versions(("numpy", "scipy", *PEERS))
    return {"figure": figure, "score": options.score, **asdict(rules), "code": fingerprint(), "versions": packages}


def _heading(options: argparse.Namespace, facts: Mapping[str, object]) -> str:
    what = (
        "Spearman correlation of predicted and true scores over all combinations not trained, by number trained"
        if options.learning_curve
        else "Normalised regret (0 is the optimum, 1 an average combination), and share of choices in the top 1 %"
    )
    return (
        f"<!-- written by benchmarks/search.py; do not edit -->\n{what}; brackets are 95 % bootstrap intervals over "
        f"problems (a target of a table, repeats averaged), differences are paired.\n`{_command()}` at commit "
        f"{facts['commit']} on {facts['hardware']}.\n\n"
    )


def _command() -> str:
    return " ".join(["python -m benchmarks.search", *sys.argv[1:]])


if __name__ == "__main__":
    main()
