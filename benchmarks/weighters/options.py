"""What the benchmark of weighters can be told on the command line."""

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks.balance.options import SHARED
from benchmarks.balance.pools import POOLS
from benchmarks.engine.models import SIZES, folder_of
from benchmarks.weighters.sweep import SMALL, USUAL, Sweep
from cotune.cache import cache_root


def parser(description: str | None) -> argparse.ArgumentParser:
    """Gives the parser of `python -m benchmarks.weighters`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weighters", description=description)
    work = USUAL.work
    add = parser.add_argument
    add("--tiny", action="store_true", help="a random tiny model on made-up rows, two values of everything")
    add("--model", default=work.model, help=f"embedded, a folder, or random weights: {', '.join(SIZES)}")
    add("--data", type=Path, default=SHARED, help="folder with a folder for each dataset")
    add("--pool", choices=list(POOLS), default=USUAL.pool, help=f"what is trained on; {USUAL.pool} unless said")
    add("--tops", type=int, nargs="+", help=f"on how many layers from the top adapters are; {_said(USUAL.tops)}")
    add("--lrs", type=float, nargs="+", help=f"learning rates; {_said(work.lrs)}")
    add("--decays", type=float, nargs="+", help=f"weight decays; {_said(USUAL.decays)}")
    add("--seeds", type=int, help=f"seeds of each training; {work.seeds} unless said")
    add("--tokens", type=int, help=f"tokens of a training; {work.tokens} unless said")
    add("--jobs", type=int, default=1, help="processes, of one thread each")
    add("--json", type=Path, help="write all figures and provenance here, and rows into a folder beside it")
    add("--markdown", type=Path, help="write the printed tables here")
    return parser


def sweep_of(options: argparse.Namespace) -> Sweep:
    """Gives the sweep that the options ask for; a random model is made if it is not there.

    Raises:
        ValueError: an amount is out of its range.
    """
    if options.jobs < 1:
        raise ValueError(f"--jobs is at least 1; got {options.jobs}.")
    usual = SMALL if options.tiny else USUAL
    model = folder_of("tiny" if options.tiny else options.model, cache_root() / "benchmark-models")
    work = replace(
        usual.work,
        model=model,
        lrs=usual.work.lrs if options.lrs is None else tuple(options.lrs),
        seeds=usual.work.seeds if options.seeds is None else options.seeds,
        tokens=usual.work.tokens if options.tokens is None else options.tokens,
    )
    tops = usual.tops if options.tops is None else tuple(options.tops)
    decays = usual.decays if options.decays is None else tuple(options.decays)
    return replace(usual, work=work, pool=options.pool, tops=tops, decays=decays)


def _said(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values) + " unless said"
