"""Measures what a trial takes when several train and are scored side by side, and that it is the same trial."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations, islice
from pathlib import Path

from benchmarks.provenance import provenance
from cotune import Mixture, Request, Task, Trial
from cotune.tasks import load_tasks
from cotune.training import Budget, FineTune, Lora, Scoring, Train
from cotune.trial import Progress


@dataclass
class Clock:
    """Elapsed and processor seconds by stage, as told by progress."""

    elapsed: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)
    _stage: str = "plan"
    _last: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        """Begins anew."""
        self.elapsed, self.processor, self._stage, self._last = {}, {}, "plan", _now()

    def tell(self, progress: Progress) -> None:
        """Books what has passed on the stage before."""
        now = _now()
        for times, past, present in zip((self.elapsed, self.processor), self._last, now, strict=True):
            times[self._stage] = times.get(self._stage, 0.0) + present - past
        self._stage, self._last = progress.stage.partition(" ")[0], now


@dataclass(frozen=True)
class Cost:
    """What one trial takes at one width, by stage, and how far it is from what it is at the first one."""

    width: int
    elapsed: dict[str, float]
    processor: dict[str, float]
    loss_difference: float
    equal_outputs: int
    outputs: int


def measure(options: argparse.Namespace, tasks: Sequence[Task]) -> Iterator[Cost]:
    """Yields the cost at each width, of the same requests; the cache is filled before."""
    requests = list(islice(_requests(options.datasets), options.requests))
    first: dict[Request, Trial] = {}
    for width in options.widths:
        clock = Clock()
        evaluate = _evaluation(options, tasks, width, clock)
        if not first:
            list(evaluate(requests))
        clock.start()
        trials = {trial.request: trial for trial in evaluate(requests)}
        clock.tell(Progress(None, "", 0, 1))
        failed = [trial.error for trial in trials.values() if trial.error]
        if failed:
            raise ValueError(f"At width {width} a trial failed: {failed[0]}")
        first = first or trials
        yield _cost(width, clock, trials, first)


def _evaluation(options: argparse.Namespace, tasks: Sequence[Task], width: int, clock: Clock) -> FineTune:
    return FineTune(
        options.model,
        tasks,
        targets=options.targets or options.datasets[:1],
        budget=Budget(steps=options.steps),
        lora=Lora(layers=options.layers),
        train=Train(batch_examples=options.rows, width=width, threads=1, device=options.device),
        scoring=Scoring(dev_rows=options.dev_rows),
        cache=options.cache,
        progress=clock.tell,
    )


def _requests(names: Sequence[str]) -> Iterator[Request]:
    seed = 0
    while True:
        for size in range(1, len(names) + 1):
            yield from (Request(Mixture.of(chosen), seed) for chosen in combinations(names, size))
        seed += 1


def _cost(width: int, clock: Clock, trials: dict[Request, Trial], first: dict[Request, Trial]) -> Cost:
    pairs = [
        (first[request].results[name], result)
        for request, trial in trials.items()
        for name, result in trial.results.items()
    ]
    generated = [(one, other) for one, other in pairs if one.examples.outputs]
    return Cost(
        width,
        {stage: seconds / len(trials) for stage, seconds in clock.elapsed.items()},
        {stage: seconds / len(trials) for stage, seconds in clock.processor.items()},
        max(abs((one.loss or 0.0) - (other.loss or 0.0)) for one, other in pairs),
        sum(one.examples.outputs == other.examples.outputs for one, other in generated),
        len(generated),
    )


def markdown(costs: Sequence[Cost]) -> str:
    """Gives a table with a line for each width."""
    lines = [
        "| width | train, s | score, s | a trial, s | of the processor, s | loss apart by | equal outputs |",
        "|---|---|---|---|---|---|---|",
    ]
    for cost in costs:
        train, score = cost.elapsed.get("train", 0.0), cost.elapsed.get("score", 0.0)
        whole, busy = sum(cost.elapsed.values()), sum(cost.processor.values())
        same = f"{cost.equal_outputs} of {cost.outputs}"
        seconds = " | ".join(f"{value:.2f}" for value in (train, score, whole, busy))
        lines.append(f"| {cost.width} | {seconds} | {cost.loss_difference:.1e} | {same} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options = _options()
    try:
        tasks = [task for task in load_tasks(options.data) if task.name in options.datasets]
        costs = []
        for cost in measure(options, tasks):
            costs.append(cost)
            print(f"width {cost.width}: {sum(cost.elapsed.values()):.2f} s a trial", file=sys.stderr)
    except ValueError as error:
        sys.exit(f"error: {error}")
    command, facts = " ".join(["python -m benchmarks.width", *sys.argv[1:]]), provenance()
    if options.json:
        result = {"command": command, **facts, "rows": [asdict(cost) for cost in costs]}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(markdown(costs), end="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.width", description=__doc__)
    add = parser.add_argument
    add("--model", default="embedded", help="hub id, local folder or embedded")
    add("--data", type=Path, default=Path("../shared/data"), help="folder of datasets")
    add("--datasets", nargs="+", default=["snips", "ncbi_disease", "phee"], help="those that are mixed and scored")
    add("--targets", nargs="+", help="those that are scored by metric; the first unless said")
    add("--layers", default="top-6", help="lora.layers")
    add("--steps", type=int, default=6, help="steps of a trial")
    add("--rows", type=int, default=8, help="rows of a step")
    add("--dev-rows", type=int, default=32, help="rows scored of each dataset")
    add("--requests", type=int, default=8, help="trials in the batch")
    add("--widths", type=int, nargs="+", default=[1, 2, 4, 8], help="how many side by side")
    add("--device", default="auto", help="torch device")
    add("--cache", type=Path, help="folder for the frozen layers' states")
    add("--json", type=Path, help="write all figures and provenance here")
    return parser.parse_args()


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()
