"""Checks a table of all combinations: do trainings alone rank them as it does, as well as another seed would?"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.intervals import interval
from benchmarks.made_up_pool import write_study
from benchmarks.provenance import provenance
from cotune.cache import cache_root
from cotune.cli.app import call
from cotune.cli.errors import OK
from cotune.cli.opening import Opened, open_study
from cotune.cli.searching import Search
from cotune.cli.stages import load_problem
from cotune.cli.tabulating import SUFFIX, exhaustive
from cotune.config import evaluation
from cotune.journal import read_journal
from cotune.journal.groups import plain
from cotune.mixture import Mixture
from cotune.study.reuse import OBJECTIVE
from cotune.testing.tables import Score
from cotune.trial import Comparable, Proposal, Request, TaskResult, Trial

Array = NDArray[np.float64]
ALONE = "-alone"
"""Ends the name of the folder of the trainings alone, beside that of the table's."""


@dataclass(frozen=True)
class Line:
    """How two trainings of the same combinations rank them by the scores of one dataset, Spearman's correlation.

    `alone` is that of a training by itself with the table's on the same seed, `seeds` that of the table's two seeds on
    the same combinations, `all_seeds` on all. `apart` is the largest difference between the two on the same seed.
    """

    dataset: str
    alone: float
    seeds: float
    all_seeds: float
    apart: float


@dataclass(frozen=True)
class Minutes:
    """What all trainings of the table took, and what one took there and alone, of the same combinations."""

    table: float
    one: float
    one_alone: float


def chosen(masks: Sequence[int], count: int, seed: int) -> list[int]:
    """Draws `count` rows of a table, all where it has fewer, in their order.

    >>> chosen([1, 2, 3], 5, 0)
    [0, 1, 2]
    """
    drawn = np.random.default_rng(seed).permutation(len(masks))[:count]
    return sorted(int(row) for row in drawn)


def compare(names: Sequence[str], scores: Array, alone: Array, rows: Sequence[int]) -> list[Line]:
    """Gives a line for each dataset that scores differently; `scores` [seed, run, task], `alone` [chosen run, task].

    >>> scores = np.array([[[1.0], [2.0], [3.0]], [[1.0], [3.0], [2.0]]])
    >>> [(line.alone, line.seeds) for line in compare(["a"], scores, scores[0], [0, 1, 2])]
    [(1.0, 0.5)]
    """
    first, second = scores[:2]
    lines = []
    for task, name in enumerate(names):
        mine = first[rows, task]
        pairs = [(mine, alone[:, task]), (mine, second[rows, task]), (first[:, task], second[:, task])]
        if all(np.isfinite(part).all() and np.ptp(part) > 0 for pair in pairs for part in pair):
            found = [float(spearmanr(*pair).statistic) for pair in pairs]
            lines.append(Line(name, *found, float(np.abs(mine - alone[:, task]).max())))
    return lines


def measure(options: argparse.Namespace) -> tuple[list[Line], Minutes, list[str]]:
    """Makes the table if it is not there, trains combinations of it alone, and compares; goes on where it stopped.

    Raises:
        ValueError: the table has one seed, or is of other settings than the study.
    """
    if not options.table.is_file():
        _make(options)
    with np.load(options.table) as arrays:
        table: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    seeds = [int(seed) for seed in table["seeds"]]
    if len(seeds) < 2:
        raise ValueError(f"{options.table} has one seed; cotune exhaust --seeds 0,1 adds another.")
    names = [str(name) for name in table["names"]]
    rows = chosen(table["mask"], options.alone, options.seed)
    mixtures = [_mixture(int(table["mask"][row]), names) for row in rows]
    trials = _train_alone(options, mixtures, seeds[0], json.loads(str(table["args"]))["settings"])
    alone = np.array([[_score(trial.results[name], options.score) for name in names] for trial in trials])
    lines = compare(names, table[f"{options.score}_seeds"], alone, rows)
    seconds = table["seconds"]  # [seed, run]
    minutes = Minutes(
        float(seconds.sum()) / 60,
        float(seconds[0, rows].mean()) / 60,
        float(np.mean([trial.seconds for trial in trials])) / 60,
    )
    return lines, minutes, sorted({trial.device for trial in trials})


def _make(options: argparse.Namespace) -> None:
    runs = ["--runs", str(options.runs)] if options.runs else []
    data = ["--data", str(options.data)] if options.data else []
    words = ["exhaust", str(options.study), *options.overrides, "--out", str(options.table), "--seeds", "0,1"]
    if call([*words, "--curve", "0", *data, *runs]) != OK:
        raise ValueError(f"{options.table} could not be made.")


def _train_alone(
    options: argparse.Namespace, mixtures: Sequence[Mixture], seed: int, settings: Mapping[str, object]
) -> list[Trial]:
    changes = [*options.overrides, "scoring.curve=0", "train.width=1"]
    opened = exhaustive(open_study(options.study, changes, runs=options.runs))
    folder = opened.folder.with_name(opened.folder.name.removesuffix(SUFFIX) + ALONE)
    opened = Opened(opened.config, opened.base, folder)
    search = Search(opened, load_problem(opened, data=options.data, quiet=False), "the same command")
    _refuse_others(search, settings)
    requests = [Request(mixture, seed) for mixture in mixtures]
    if search.repeat([Proposal(request, "alone") for request in requests]) != OK:
        raise ValueError("Stopped; the same command goes on.")
    trials = {record.request: record.trial for record in read_journal(folder).records}
    found = [trial for request in requests if (trial := trials[request]) is not None and trial.is_full]
    if len(found) < len(requests):
        raise ValueError(f"{len(requests) - len(found)} trainings failed; see why with: cotune status {folder}")
    return found


def _refuse_others(search: Search, settings: Mapping[str, object]) -> None:
    config = search.opened.config
    cache = cache_root() / "trunk"
    made = evaluation(config, search.problem.tasks, folder=search.opened.base, cache=cache)()
    own = plain({**search.settings, **(made.settings() if isinstance(made, Comparable) else {})})
    known = {key: value for key, value in settings.items() if key != OBJECTIVE}
    other = [key for key in {**own, **known} if own.get(key) != known.get(key)]
    if other:
        raise ValueError(
            f"The table was made with another {', '.join(other)}; give the overrides that it was made with."
        )


def _mixture(mask: int, names: Sequence[str]) -> Mixture:
    return Mixture.of([name for place, name in enumerate(names) if mask >> place & 1])


def _score(result: TaskResult, score: Score) -> float:
    value = result.loss if score == "nll" else result.score
    return np.nan if value is None else value


def markdown(lines: Sequence[Line], minutes: Minutes) -> str:
    """Gives a table with a line for each dataset, their mean with its interval over datasets, and the minutes."""
    text = ["| dataset | alone | another seed | another seed, all combinations | apart by |", "|---" * 5 + "|"]
    for line in lines:
        ranks = " | ".join(f"{value:.3f}" for value in (line.alone, line.seeds, line.all_seeds))
        text.append(f"| {line.dataset} | {ranks} | {line.apart:.1e} |")
    means = [interval([getattr(line, key) for line in lines]) for key in ("alone", "seeds", "all_seeds")]
    cells = " | ".join("{:.3f} [{:.3f}, {:.3f}]".format(*mean) for mean in means)
    text.append(f"| mean | {cells} | {max(line.apart for line in lines):.1e} |")
    took = f"The table took {minutes.table:.1f} minutes; one of its trainings {minutes.one:.2f}"
    text += ["", f"{took}, alone {minutes.one_alone:.2f}."]
    return "\n".join(text) + "\n"


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options = _options()
    try:
        with TemporaryDirectory() as scratch:
            if options.tiny:
                _be_tiny(options, Path(scratch))
            lines, minutes, devices = measure(options)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    if not lines:
        sys.exit("error: no dataset scores differently from combination to combination.")
    text, command = markdown(lines, minutes), " ".join(["python -m benchmarks.exhaustive", *sys.argv[1:]])
    facts = {"command": command, **provenance(), "devices": devices, "seed": options.seed, "score": options.score}
    if options.json:
        found = {**facts, "lines": [asdict(line) for line in lines], "minutes": asdict(minutes)}
        options.json.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    if options.markdown:
        where = f"`{command}` at commit {facts['commit']} on {', '.join(devices)} ({facts['hardware']})."
        about = (
            f"{options.alone} combinations trained alone, Spearman's rank correlation with the table's on the same seed"
        )
        head = f"<!-- written by benchmarks/exhaustive.py; do not edit -->\n{where}\n\n{about}.\n\n"
        options.markdown.write_text(head + text)
    print(text, end="")


def _be_tiny(options: argparse.Namespace, folder: Path) -> None:
    options.study, options.table, options.runs = write_study(folder), folder / "table.npz", folder / "runs"
    options.alone = min(options.alone, 4)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exhaustive", description=__doc__)
    add = parser.add_argument
    add("study", type=Path, nargs="?", help="study file of the pool")
    add("overrides", nargs="*", default=[], help="those that the table is made with, as search.batch=16")
    add("--table", type=Path, help="table of cotune exhaust at two seeds; made if it is not there")
    add("--alone", type=int, default=24, help="combinations that are trained alone")
    add("--score", choices=get_args(Score), default="nll", help="dev loss or the dataset's metric")
    add("--seed", type=int, default=0, help="draws the combinations")
    add("--data", type=Path, help="folder that stands in for the datasets' sources")
    add("--runs", type=Path, help="folder of the studies")
    add("--tiny", action="store_true", help="a random tiny model on made-up rows")
    add("--json", type=Path, help="write all figures and provenance here")
    add("--markdown", type=Path, help="write the printed table here")
    options = parser.parse_args()
    if not options.tiny and (options.study is None or options.table is None):
        parser.error("a study and its --table are needed, or --tiny")
    if options.alone < 3:
        parser.error("--alone is at least 3: fewer have no ranks")
    return options


if __name__ == "__main__":
    main()
