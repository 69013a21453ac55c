"""Measures studies of the search, and writes their results, pictures and parts of the page."""

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.provenance import ROOT, provenance
from benchmarks.studies.page import section, with_section
from benchmarks.studies.study import Found, Sources, Study

NAMES = (
    "fine_tunings",
    "heuristics",
    "architectures",
    "robustness",
    "features",
    "other_targets",
    "batches",
    "overhead",
)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line."""
    options = _parser().parse_args(arguments)
    names = NAMES if "all" in options.names else options.names
    try:
        for name in names:
            _make(name, options)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here")


def study(name: str) -> Study:
    """Gives the study of that name."""
    found = vars(import_module(f"benchmarks.studies.{name}"))["STUDY"]
    assert isinstance(found, Study)
    return found


def _make(name: str, options: argparse.Namespace) -> None:
    path = options.docs / "results" / "studies" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    result = json.loads(path.read_text()) if options.draw else _measured(name, path, options)
    if not options.draw:
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
        for rows in path.parent.glob(f"{name}.*rows.jsonl"):
            rows.unlink()
    made = study(name)
    if made.picture:
        picture = options.docs / "pictures" / f"{name}.svg"
        picture.parent.mkdir(exist_ok=True)
        picture.write_text(made.picture(result["found"]))
    page = options.docs / "search.md"
    page.write_text(with_section(page.read_text(), name, section(name, made, result)))
    print(f"{name} ({result['seconds']:.0f} s)\n\n{made.text(result['found'])}\n")


def _measured(name: str, path: Path, options: argparse.Namespace) -> Found:
    facts, start = provenance(), time.perf_counter()
    sources = Sources(tuple(options.pools), options.data, options.most, path)
    found = study(name).measure(sources)
    seconds = time.perf_counter() - start
    return {"command": _command(name, options), **facts, "seed": 0, "seconds": seconds, "found": found}


def _command(name: str, options: argparse.Namespace) -> str:
    pools = " ".join(map(str, options.pools))
    most = [f"--most {options.most}"] if options.most else []
    return " ".join([f"python -m benchmarks.studies {name} --pools {pools} --data {options.data}", *most])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies",
        description=__doc__,
        epilog=f"Studies: {', '.join(NAMES)}, or all. One that was stopped goes on with the searches that it ended.",
    )
    add = parser.add_argument
    add("names", nargs="+", choices=[*NAMES, "all"], help="the studies", metavar="NAME")
    add("--pools", type=Path, nargs="+", default=[Path("../held")], help="held-out tables, or folders of them")
    add("--data", type=Path, default=Path("../shared/data"), help="the datasets that the pools were made of")
    add("--docs", type=Path, default=ROOT / "docs", help="where search.md, results/studies/ and pictures/ are")
    add("--most", type=int, help="at most so many problems of a kind, for a quick look")
    add("--draw", action="store_true", help="measure nothing: write page and pictures of the stored results again")
    return parser


if __name__ == "__main__":
    main()
