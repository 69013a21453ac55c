"""Measures what pseudo-labels gain: a few rows with labels, the others labelled by the model trained on those."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.engine.models import SIZES, folder_of
from benchmarks.engine.options import SHARED
from benchmarks.provenance import provenance
from benchmarks.pseudolabels.measuring import made_up, measure
from benchmarks.pseudolabels.page import lines, markdown
from benchmarks.pseudolabels.work import Done, Work
from benchmarks.rows import fingerprint
from cotune.cache import cache_root
from cotune.config.pool import without_leaks
from cotune.task import Task
from cotune.tasks import DatasetSpec, load_task
from cotune.tasks.pseudolabels import check_labelled

SOURCES = ("src/cotune/*.py", "src/cotune/tasks/*.py", "src/cotune/training/*.py", "benchmarks/pseudolabels/*.py")
"""What can change a row beside settings and versions of packages."""
MODELS = "benchmark-models"


def main() -> None:
    """Runs the benchmark that the command line asks for; what was done before is not done again."""
    options = _parser().parse_args()
    torch.set_num_threads(1)
    try:
        work, task = _asked(options)
        facts = provenance()
        asked = {**asdict(work), "model": Path(work.model).name}
        settings = {**asked, "data": task.fingerprint, "code": fingerprint(SOURCES), "versions": facts["versions"]}
        done = Done(options.json.with_suffix(".rows.jsonl") if options.json else None, settings)
        measure(work, task, done)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")
    text, command = markdown(work, done.found), " ".join(["python -m benchmarks.pseudolabels", *sys.argv[1:]])
    if options.json:
        rows = [asdict(row) for group in done.found.values() for row in group]
        figures = [asdict(line) for line in lines(work, done.found)]
        result = {"command": command, **facts, "work": asked, "lines": figures, "rows": rows}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        about = f"`{command}` at commit {facts['commit']} on {facts['hardware']}, one thread, {work.dataset}."
        options.markdown.write_text(f"<!-- written by benchmarks/pseudolabels; do not edit -->\n{about}\n\n{text}")
    print(text, end="")


def _asked(options: argparse.Namespace) -> tuple[Work, Task]:
    """Gives the work and its dataset; leaking train rows are dropped."""
    usual = Work(tokens=600, seeds=2, lr=2e-2, layers="top-2", dataset="words") if options.tiny else Work()
    given = {key: value for key, value in vars(options).items() if key in vars(usual) and value is not None}
    given |= {key: tuple(given[key]) for key in ("shares", "thresholds") if key in given}
    given["model"] = folder_of("tiny" if options.tiny else given.get("model", usual.model), cache_root() / MODELS)
    work = replace(usual, **given)
    task = made_up() if options.tiny else load_task(DatasetSpec(work.dataset, path=work.dataset), options.data)
    check_labelled(task)
    (clean,) = without_leaks([task], "drop")
    return work, clean


def _parser() -> argparse.ArgumentParser:
    usual = Work()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pseudolabels", description=__doc__)
    add = parser.add_argument
    add("--tiny", action="store_true", help="a random tiny model on made-up rows")
    add("--model", help=f"embedded, a folder, or random weights: {', '.join(SIZES)}")
    add("--data", type=Path, default=SHARED, help="folder with a folder for each dataset")
    add("--dataset", help=f"classification; {usual.dataset} unless said")
    add("--shares", type=float, nargs="+", help="shares of train rows that keep their labels; 0.01 0.1 unless said")
    add("--thresholds", type=float, nargs="+", help="of pseudo-labels; TACLE's of stages 1 and 5 unless said")
    add("--seeds", type=int, help=f"seeds of rows and training; {usual.seeds} unless said")
    add("--tokens", type=int, help=f"tokens of every training; {usual.tokens} unless said")
    add("--json", type=Path, help="write all figures and provenance here, and rows beside it as they come")
    add("--markdown", type=Path, help="write the printed table here")
    return parser


if __name__ == "__main__":
    main()
