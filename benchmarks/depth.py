"""Measures time and score against depth: how many layers from the top are adapted, with a frozen trunk below them."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import cast

from benchmarks.engine.child import run_apart
from benchmarks.engine.done import SOURCES, Done
from benchmarks.engine.models import SIZES, folder_of
from benchmarks.engine.options import SHARED
from benchmarks.engine.outcome import Outcome
from benchmarks.engine.work import Work
from benchmarks.provenance import provenance
from benchmarks.rows import fingerprint
from benchmarks.working import say
from cotune.cache import cache_root

LAYERS = ("2", "4", "6", "12", "all")
MIB = 2**20
HEAD = (
    "layers",
    "first trial (s)",
    "last trial (s)",
    "training alone (tokens/s)",
    "mean dev loss",
    "peak memory (MiB)",
)


@dataclass(frozen=True)
class Line:
    """What one depth gave: seconds of the first trial and of the last, the last one's speed, the trials' mean loss.

    The first trial loads the model and fills the trunk; the last one's rows are known by then. `tokens_per_second` are
    of all before its scoring.
    """

    layers: str
    first: float
    last: float
    tokens_per_second: float
    loss: float
    peak_bytes: int


def line_of(layers: str, outcome: Outcome) -> Line:
    """Gives the line of one depth."""
    first, *_, last = outcome.trials
    if first.seconds is None or last.seconds is None or last.train_seconds is None:
        raise ValueError("Depth is measured one trial after the other.")
    return Line(
        layers,
        first.seconds,
        last.seconds,
        last.tokens / last.train_seconds,
        mean(ran.loss for ran in outcome.trials),
        outcome.peak_bytes,
    )


def measure(work: Work, layers: Sequence[str], path: Path | None) -> list[Line]:
    """Gives a line for each number of layers, each measured in a process of its own.

    Raises:
        ValueError: a number is neither whole nor "all", or a run failed.
    """
    wrong = [text for text in layers if text != "all" and not (text.isdecimal() and int(text))]
    if wrong:
        raise ValueError(f"Layers are whole numbers from 1 on, or 'all'; got {wrong}.")
    done = Done(path, {**asdict(work), "code": fingerprint(SOURCES), "versions": provenance()["versions"]})
    lines = []
    for text in layers:
        outcome = done.get(text, 0)
        if outcome is None:
            say(f"{text} layers")
            depth = replace(work, top=0 if text == "all" else int(text))
            outcome = run_apart("cotune", depth, list(range(work.trials)))
            done.add(text, 0, outcome)
        lines.append(line_of(text, outcome))
    return lines


def markdown(lines: Sequence[Line]) -> str:
    """Gives the table."""
    rows = [
        (
            f"top-{line.layers}" if line.layers != "all" else "all",
            f"{line.first:.3g}",
            f"{line.last:.3g}",
            f"{line.tokens_per_second:.0f}",
            f"{line.loss:.4f}",
            f"{line.peak_bytes / MIB:.0f}",
        )
        for line in lines
    ]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [HEAD, ("---",) * len(HEAD), *rows])


def main() -> None:
    """Runs the benchmark that the command line asks for; what was done before is not done again."""
    options = _parser().parse_args()
    try:
        work = _work(options)
        rows = options.json.with_suffix(".rows.jsonl") if options.json else None
        lines = measure(work, ("1", "2", "all") if options.tiny else options.layers, rows)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")
    text, facts = markdown(lines), {**provenance(), "seed": work.seed}
    command = " ".join(["python -m benchmarks.depth", *sys.argv[1:]])
    if options.json:
        named = {**asdict(work), "model": Path(work.model).name, "data": Path(work.data).name}
        result = {"command": command, **facts, "work": named, "lines": [asdict(line) for line in lines]}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(_heading(command, facts, work) + text)
    print(text, end="")


def _work(options: argparse.Namespace) -> Work:
    model = folder_of("tiny" if options.tiny else options.model, cache_root() / "benchmark-models")
    common = {"trials": 3, "seed": options.seed, "threads": options.threads}
    if options.tiny:
        return Work(model, "", ("a", "b"), steps=4, batch=4, dev_rows=16, max_length=64, **common)
    data, datasets = str(options.data.absolute()), tuple(options.datasets)
    return Work(model, data, datasets, steps=options.steps, dev_rows=options.dev_rows, lr=options.lr, **common)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.depth", description=__doc__)
    add = parser.add_argument
    add("--tiny", action="store_true", help="a random tiny model on made-up rows, in seconds")
    add("--model", default="embedded", help=f"embedded, a folder, or random weights: {', '.join(SIZES)}")
    add("--data", type=Path, default=SHARED, help="folder with a folder for each dataset")
    add("--datasets", nargs=2, default=("ncbi_disease", "snips"), help="trained on each alone, then on both")
    add("--layers", nargs="+", default=LAYERS, help="how many layers from the top, or all")
    add("--steps", type=int, default=30, help="steps of 8 rows")
    add("--dev-rows", type=int, default=96, help="rows that are scored after each trial")
    add("--lr", type=float, default=1e-3, help="learning rate at the first step")
    add("--seed", type=int, default=0, help="seed of all trials")
    add("--threads", type=int, default=1, help="threads of torch")
    add("--json", type=Path, help="write all figures and provenance here, and outcomes beside it as they come")
    add("--markdown", type=Path, help="write the printed table here")
    return parser


def _heading(command: str, facts: Mapping[str, object], work: Work) -> str:
    versions = cast(dict[str, str], facts["versions"])
    return (
        "<!-- written by benchmarks/depth.py; do not edit -->\n"
        f"Trials of {work.steps} steps of {work.batch} rows on {' and '.join(work.datasets)}, each alone, then both, "
        f"with the loss of {work.dev_rows} dev rows; LoRA of rank {work.rank} on all linear modules of so many layers "
        "from the top. The first trial loads the model and fills the trunk; the last one's rows are known by then.\n"
        f"`{command}` at commit {facts['commit']} on {facts['hardware']}, {work.threads} thread, seed {work.seed}, "
        f"Python {facts['python']}, torch {versions['torch']}, transformers {versions['transformers']}.\n\n"
    )


if __name__ == "__main__":
    main()
