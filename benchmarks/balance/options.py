"""What the balance benchmark can be told on the command line."""

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks.balance.contestants import known
from benchmarks.balance.pools import POOLS
from benchmarks.balance.work import TINY, Work
from benchmarks.engine.models import SIZES, folder_of
from benchmarks.provenance import ROOT
from cotune.cache import cache_root

SHARED = ROOT.parent / "shared" / "data"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Gives the parser of `python -m benchmarks.balance`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.balance", description=description, epilog=f"Contestants: {', '.join(known())}."
    )
    usual = Work()
    add = parser.add_argument
    add("--tiny", action="store_true", help="a random tiny model on made-up rows, in less than a minute")
    add("--model", default=usual.model, help=f"embedded, a folder, or random weights: {', '.join(SIZES)}")
    add("--data", type=Path, default=SHARED, help="folder with a folder for each dataset")
    add("--contestants", nargs="+", metavar="NAME", help="who takes part beside the baselines; all unless said")
    add("--pools", nargs="+", choices=list(POOLS), help="which pools; all unless said, one with --tiny")
    add("--seeds", type=int, help=f"seeds of those who may be the best; {usual.seeds} unless said, 2 only screens")
    add("--lrs", type=float, nargs="+", help="learning rates that each contestant tries")
    add("--tokens", type=int, default=usual.tokens, help="tokens of a training")
    add("--report", type=int, default=usual.report, help="test rows of each target that are reported")
    add("--costs", action="store_true", help="measure only what a step costs")
    add("--recheck", type=int, metavar="N", help="rows of changed code count if N of them, trained again, are the same")
    add("--jobs", type=int, default=1, help="processes, of one thread each")
    add("--json", type=Path, help="write all figures and provenance here, and rows beside it as they come")
    add("--markdown", type=Path, help="write the printed tables here")
    return parser


def pools_of(options: argparse.Namespace) -> list[str]:
    """Gives the names of the pools that the options ask for."""
    return options.pools or (["wrong"] if options.tiny else list(POOLS))


def work_of(options: argparse.Namespace) -> Work:
    """Gives the work that the options ask for; a random model is made if it is not there.

    Raises:
        ValueError: an amount is not positive.
    """
    if options.jobs < 1:
        raise ValueError(f"--jobs is at least 1; got {options.jobs}.")
    if options.recheck is not None and (options.recheck < 1 or not options.json):
        raise ValueError(f"--recheck is at least 1 and needs the --json of the run; got {options.recheck}.")
    usual = TINY if options.tiny else replace(Work(), tokens=options.tokens, report=options.report)
    model = folder_of("tiny" if options.tiny else options.model, cache_root() / "benchmark-models")
    seeds = usual.seeds if options.seeds is None else options.seeds
    lrs = usual.lrs if options.lrs is None else tuple(options.lrs)
    return replace(usual, model=model, seeds=seeds, lrs=lrs)
