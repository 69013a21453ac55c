"""What the engine benchmark can be told on the command line."""

import argparse
from pathlib import Path

from benchmarks.engine.child import CONTESTANTS
from benchmarks.engine.models import SIZES, folder_of
from benchmarks.engine.work import Work
from benchmarks.provenance import ROOT
from cotune.cache import cache_root

SHARED = ROOT.parent / "shared" / "data"
DATASETS = ("ncbi_disease", "phee", "scicite", "snips")
TINY = {"model": "tiny", "trials": 3, "steps": 4, "batch": 4, "dev_rows": 24, "top": 2, "max_length": 64, "lr": 0.02}
"""What `--tiny` sets; made-up datasets."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """Gives the parser of `python -m benchmarks.engine`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=description)
    add = parser.add_argument
    add("--tiny", action="store_true", help="a random tiny model on made-up rows, in seconds")
    add("--model", default="embedded", help=f"embedded, a folder, or random weights: {', '.join(SIZES)}")
    add("--data", type=Path, default=SHARED, help="folder with a folder for each dataset")
    add("--datasets", nargs="+", default=DATASETS, help="datasets that mixtures are made of")
    add("--contestants", nargs="+", choices=CONTESTANTS, default=CONTESTANTS, help="who runs")
    add("--trials", type=int, default=12, help="trials of a contestant")
    add("--peer-trials", type=int, help="how many of them the trainers of others run; all by default")
    add("--repeats", type=int, default=3, help="runs of each contestant")
    _add_work(parser)
    add(
        "--peak-tflops", type=float, help="the device's peak, for the FLOP utilisation; known for some GPUs in bfloat16"
    )
    add("--json", type=Path, help="write all figures and provenance here, and outcomes beside it as they come")
    add("--markdown", type=Path, help="write the printed table here")
    return parser


def _add_work(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--steps", type=int, default=30, help="steps of a trial")
    add("--batch", type=int, default=8, help="rows of a step")
    add("--dev-rows", type=int, default=192, help="rows that are scored after each trial")
    add("--top", type=int, default=6, help="layers that get an adapter, from the top; 0 for all")
    add("--rank", type=int, default=8, help="rank of the adapter")
    add("--max-length", type=int, default=256, help="tokens of the longest row")
    add("--lr", type=float, default=1e-3, help="learning rate at the first step")
    add("--seed", type=int, default=0, help="seed of all trials")
    add("--threads", type=int, help="threads of torch; all cores by default")
    add("--device", default="cpu", help="cpu or cuda")
    add("--dtype", default="float32", choices=("float32", "bfloat16"), help="of the frozen weights")
    add("--width", type=int, default=12, help="trials at once where many run together")


def work_of(options: argparse.Namespace) -> Work:
    """Gives the work that the options ask for; a random model is made if it is not there.

    Raises:
        ValueError: the options do not go together.
    """
    given = {**vars(options), **(TINY if options.tiny else {})}
    names = ("trials", "steps", "batch", "dev_rows", "top", "rank", "max_length", "lr", "seed", "threads", "device")
    names += ("dtype", "width")
    return Work(
        folder_of(given["model"], cache_root() / "benchmark-models"),
        "" if options.tiny else str(options.data.absolute()),
        ("a", "b", "c") if options.tiny else tuple(options.datasets),
        **{name: given[name] for name in names},
    )
