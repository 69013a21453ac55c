"""What the search benchmark can be told on the command line."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import get_args

from benchmarks.methods import GROUPS, METHODS
from benchmarks.pools import SHIPPED
from cotune.testing import REGIMES, Knobs
from cotune.testing.tables import Score

KNOBS = ("size", "jitter", *(knob.name for knob in fields(Knobs)))


def parser(description: str | None) -> argparse.ArgumentParser:
    """Gives the parser of `python -m benchmarks.search`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search",
        description=description,
        epilog=f"Methods: {', '.join(METHODS)}, or a sampler of your own as module:object. "
        f"Names for several: {', '.join(GROUPS)}. A run that was stopped goes on with the rows beside its --json.",
    )
    _add_problems(parser)
    _add_methods(parser)
    _add_outputs(parser)
    return parser


def _add_problems(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--tables", type=Path, nargs="+", default=SHIPPED, help="tables (.npz) or folders of studies; ours by default")
    add("--landscapes", type=_whole, default=0, help="search so many synthetic pools a regime instead of tables")
    add("--regimes", type=_names, default=REGIMES, help=f"which of {','.join(REGIMES)}")
    add("--knobs", type=_knobs, default={}, help=f"set, not drawn: size=10,harm=0.5; of {', '.join(KNOBS)}")
    add("--score", choices=get_args(Score), default="nll", help="the score that counts; of a study, its loss or score")
    add("--targets-together", type=_positive, default=1, help="targets of a problem, their scores averaged")
    add("--noise", type=float, default=0.0, help="noise of a run, in distances from the median to the best score")


def _add_methods(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--methods", type=_names, default=(), help="as default,random,peers; our own by default")
    add("--against", default="default", help="the method that the others are compared with, problem by problem")
    add("--budgets", type=_numbers, default=(12, 24, 48), help="numbers of runs, as 12,24,48")
    add("--batch", type=_positive, default=1, help="requests proposed at a time")
    add("--repeats", type=_positive, default=5, help="searches of each problem with other seeds")
    add("--seed", type=_whole, default=0, help="seed of all draws")
    add("--learning-curve", action="store_true", help="measure how well unseen combinations are ranked")


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--jobs", type=_positive, default=1, help="processes")
    add("--json", type=Path, help="write rows, summary and provenance here, and rows beside it as they come")
    add("--markdown", type=Path, help="write the printed tables here")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({_positive(part) for part in text.split(",")}))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _knobs(text: str) -> dict[str, float]:
    given = dict(part.split("=", 1) for part in text.split(","))
    unknown = sorted(set(given) - set(KNOBS))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown knobs {unknown}; there are {list(KNOBS)}")
    return {name: float(value) for name, value in given.items()}


def _positive(text: str) -> int:
    return _at_least(text, 1)


def _whole(text: str) -> int:
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number >= {least}")
    return int(text)
