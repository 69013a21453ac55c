"""Measures when the frozen trunk pays: its costs by depth, and studies with and without it, on one thread."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from benchmarks.provenance import provenance
from cotune import Mixture, Request
from cotune.task import Task
from cotune.tasks import load_tasks
from cotune.training import Budget, FineTune, Lora, Scoring, Train
from cotune.training.engine import Engine
from cotune.training.model import load_model
from cotune.training.worth import CPU, measured, pays

NAMES = ("ncbi_disease", "sms_spam", "snips")
MIXTURES = (("snips",), ("snips", "sms_spam"), NAMES, ("snips", "ncbi_disease"), ("sms_spam",), ("ncbi_disease",))
TRAIN = Train(batch_examples=8, max_length=128, threads=1)


@dataclass(frozen=True)
class Case:
    """A small study: how many trials, of how many steps of eight rows, with which layers trained."""

    name: str
    trials: int
    steps: int
    layers: str


CASES = (
    Case("one trial, each text once", 1, 6, "top-6"),
    Case("six trials", 6, 6, "top-6"),
    Case("six trials, two layers frozen", 6, 2, "top-28"),
)


@dataclass(frozen=True)
class Row:
    """What a case took: seconds of the processor with and without a trunk, uses of a token, and the rule's word."""

    case: Case
    uses: float
    kept: float
    plain: float
    is_kept: bool


def measure(case: Case, tasks: Sequence[Task], model: str, dev_rows: int) -> Row:
    """Runs a case twice; the model is loaded and the rows are tokens before the clock starts."""
    requests = [Request(Mixture.of(names)) for names in MIXTURES[: case.trials]]
    seconds = {}
    for trunk in ("on", "off"):
        evaluate = FineTune(
            model,
            tasks,
            targets=["sms_spam"],
            budget=Budget(steps=case.steps),
            lora=Lora(layers=case.layers),
            train=replace(TRAIN, trunk=trunk),
            scoring=Scoring(dev_rows=dev_rows),
        )
        engine = evaluate.engine
        uses = _uses(engine, requests)
        started = time.process_time()
        failed = [trial.error for trial in evaluate(requests) if trial.error]
        seconds[trunk] = time.process_time() - started
        if failed:
            raise ValueError(f"A trial failed: {failed[0]}")
    return Row(case, uses, seconds["on"], seconds["off"], pays(uses, CPU))


def _uses(engine: Engine, requests: Sequence[Request]) -> float:
    """Gives how often these requests use a token of those that they meet."""
    scored = [example for exam in engine.exams("dev", engine.setup.scoring.dev_rows) for example in exam.examples]
    used = [example for request in requests for example in (*engine.plan(request).examples, *scored)]
    return sum(example.tokens for example in used) / sum(example.tokens for example in set(used))


def markdown(costs: dict[int, tuple[float, float]], rows: Sequence[Row]) -> str:
    """Gives two tables."""
    lines = ["| frozen layers | fill | read |", "|---|---|---|"]
    lines += [f"| {depth} | {fill:.2f} | {read:.4f} |" for depth, (fill, read) in costs.items()]
    lines += ["", "| study | uses of a token | with trunk | without | faster | the rule says |", "|---" * 6 + "|"]
    for row in rows:
        faster, says = ("trunk" if better else "none" for better in (row.kept < row.plain, row.is_kept))
        times = f"{row.kept:.1f} s | {row.plain:.1f} s"
        lines.append(f"| {row.case.name} | {row.uses:.2f} | {times} | {faster} | {says} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trunk", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with the sample sets")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--depths", type=int, nargs="*", default=(2, 12, 24))
    parser.add_argument("--dev-rows", type=int, default=8)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tasks = [task for task in load_tasks(options.data) if task.name in NAMES]
    model = load_model(options.model, train=TRAIN, lora=Lora())
    costs = {depth: (found.fill, found.read) for depth in options.depths for found in [measured(model, depth)]}
    rows = [measure(case, tasks, options.model, options.dev_rows) for case in CASES]
    text, facts, command = markdown(costs, rows), provenance(), " ".join(["python -m benchmarks.trunk", *sys.argv[1:]])
    if options.json:
        found = {"command": command, **facts, "costs": costs, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(
            f"<!-- written by benchmarks/trunk.py; do not edit -->\n{_about(command, facts)}{text}"
        )
    print(text, end="")


def _about(command: str, facts: dict[str, object]) -> str:
    return (
        "Costs are in passes of packs through the same layers; times are seconds of the processor, on one thread.\n"
        f"`{command}`: {json.dumps(facts)}\n\n"
    )


if __name__ == "__main__":
    main()
