"""Measures what one proposal costs: the time of one core, the most memory; by method, datasets and trials."""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from benchmarks.methods import FREE
from benchmarks.provenance import provenance
from cotune.config.names import named
from cotune.problem import Problem
from cotune.search import Sampler
from cotune.search.anchors import anchors
from cotune.search.candidates import sample_sizes, to_mixture
from cotune.testing import landscape
from cotune.trial import Request, TaskResult, Trial

METHODS = ("default", "prior_fitted", "process", "neural", "random")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
MIB = 2**20
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Setting:
    """One cell of the table."""

    datasets: int
    trials: int
    method: str
    repeats: int
    seed: int

    def __post_init__(self) -> None:
        least = {"datasets": 2, "trials": 2, "repeats": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"A proposal is measured with {name} >= {bound}; got {getattr(self, name)}.")
        named(self.method, FREE, what="method")

    @property
    def is_possible(self) -> bool:
        """Tells whether that many trials leave a mixture to propose; one of the datasets is the target."""
        return self.trials < 2 ** (self.datasets - 1)


@dataclass(frozen=True)
class Cost:
    """What proposals cost: seconds of each, elapsed and of the processor; the most memory of the process in MiB."""

    elapsed: tuple[float, ...]
    processor: tuple[float, ...]
    mebibytes: float


Row: TypeAlias = tuple[Setting, Cost]


def study(datasets: int, trials: int, seed: int) -> tuple[Problem, tuple[Trial, ...]]:
    """Gives a synthetic pool with trials as a study has them: both ends, then mixtures of all sizes.

    Each trial holds a score and a loss of every dataset.
    """
    rng = np.random.default_rng([seed, datasets, trials])
    drawn = landscape("between", rng, size=datasets)
    problem = drawn.problem()
    wanted = dict.fromkeys(mixture for mixture, _ in anchors(problem))
    while len(wanted) < trials:
        wanted.update(dict.fromkeys(to_mixture(problem, row) for row in sample_sizes(problem, rng, trials)))
    return problem, tuple(map(_with_losses, drawn.evaluate()([Request(mixture) for mixture in [*wanted][:trials]])))


def cost(setting: Setting) -> Cost:
    """Measures proposals in this process, which must have done nothing else for its memory to be theirs."""
    problem, trials = study(setting.datasets, setting.trials, setting.seed)
    sampler = cast(Sampler, named(setting.method, FREE, what="method"))
    elapsed, processor = [], []
    for repeat in range(setting.repeats):
        rng = np.random.default_rng([setting.seed, repeat])
        start, started = time.perf_counter(), time.process_time()
        proposals = sampler(problem, trials, (), rng, 1)
        elapsed.append(time.perf_counter() - start)
        processor.append(time.process_time() - started)
        if not proposals:
            raise ValueError(f"{setting.method} proposed nothing after {setting.trials} trials; leave it out.")
    return Cost(tuple(elapsed), tuple(processor), _most_memory() / MIB)


def measure(settings: Iterable[Setting]) -> list[Row]:
    """Measures each setting in a process of its own, one after the other, on one thread."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, max_tasks_per_child=1) as pool:
        return [(setting, pool.submit(cost, setting).result()) for setting in settings if setting.is_possible]


def markdown(rows: Sequence[Row]) -> str:
    """Gives a table: a line for each pool and number of trials, a column for each method."""
    methods = tuple(dict.fromkeys(setting.method for setting, _ in rows))
    cells = {(setting.datasets, setting.trials, setting.method): cost for setting, cost in rows}
    lines = ["| datasets | trials | " + " | ".join(methods) + " |", "|---" * (2 + len(methods)) + "|"]
    for datasets, trials in dict.fromkeys((setting.datasets, setting.trials) for setting, _ in rows):
        shown = [_cell(cells[datasets, trials, method]) for method in methods]
        lines.append("| " + " | ".join([str(datasets), str(trials), *shown]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options = _options()
    try:
        settings = [
            Setting(datasets, trials, method, options.repeats, options.seed)
            for datasets in options.datasets
            for trials in options.trials
            for method in options.methods
        ]
        if not any(setting.is_possible for setting in settings):
            raise ValueError(f"A pool has more mixtures than trials; {max(options.datasets)} datasets have too few.")
        rows = measure(settings)
    except ValueError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")
    text, facts = markdown(rows), {**provenance(), "seed": options.seed}
    command = " ".join(["python -m benchmarks.proposal", *sys.argv[1:]])
    if options.json:
        found = [asdict(setting) | asdict(cost) for setting, cost in rows]
        result = {"command": command, **facts, "rows": found}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(_heading(command, facts) + text)
    print(text, end="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proposal", description=__doc__)
    add = parser.add_argument
    add("--datasets", type=int, nargs="+", default=(8, 16, 24, 64), help="sizes of the pool")
    add("--trials", type=int, nargs="+", default=(12, 48, 200), help="how many trials have ended")
    add("--methods", nargs="+", default=METHODS, help="samplers by name, or your own as module:object")
    add("--repeats", type=int, default=5, help="proposals to measure, after the same trials with other seeds")
    add("--seed", type=int, default=0, help="seed of all draws")
    add("--json", type=Path, help="write all figures and provenance here")
    add("--markdown", type=Path, help="write the printed table here")
    return parser.parse_args()


def _with_losses(trial: Trial) -> Trial:
    scores = {name: result.score or 0.0 for name, result in trial.results.items()}
    return Trial(trial.request, {name: TaskResult(score, 1 - score) for name, score in scores.items()})


def _most_memory() -> float:
    """Gives the most bytes that this process has held; Linux's `ru_maxrss` would count its parent's too."""
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS counts bytes


def _cell(cost: Cost) -> str:
    return f"{statistics.median(cost.processor):.2g} s, {cost.mebibytes:.0f} MiB"


def _heading(command: str, facts: dict[str, object]) -> str:
    versions = cast(dict[str, str], facts["versions"])
    return (
        "<!-- written by benchmarks/proposal.py; do not edit -->\n"
        "Seconds of one core for one proposal (median), and the most resident memory of a process that imports cotune, "
        "makes the trials of a synthetic study and proposes. Pools too small for that many trials are left out.\n"
        f"`{command}` at commit {facts['commit']} on {facts['hardware']}, one thread, seed {facts['seed']}, Python "
        f"{facts['python']}, numpy {versions['numpy']}, scipy {versions['scipy']}.\n\n"
    )


if __name__ == "__main__":
    main()
