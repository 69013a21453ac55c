"""Measures when the frozen trunk pays: its costs by depth, and the frozen layers of studies with and without it."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.provenance import provenance
from cotune import Mixture, Request
from cotune.task import Task
from cotune.tasks import load_tasks
from cotune.training import Budget, Lora, Scoring, SizePolicy, Train
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.exams import exams_of
from cotune.training.forest import PACK_TOKENS, plant
from cotune.training.forest import packs as packs_of
from cotune.training.mixing import plan
from cotune.training.model import LanguageModel, load_model
from cotune.training.setup import Setup
from cotune.training.trunk import Trunk
from cotune.training.worth import CPU, measured, pays, run_below

NAMES = ("sms_spam", "snips")
MIXTURES = (("snips",), ("snips", "sms_spam"), ("sms_spam",))


@dataclass(frozen=True)
class Case:
    """The frozen part of a small study: how many trials, of how many steps of eight rows, and which layers train."""

    name: str
    trials: int
    steps: int
    layers: str


CASES = (
    Case("one trial, each text once", 1, 1, "top-6"),
    Case("three trials", 3, 1, "top-6"),
    Case("three trials, two layers frozen", 3, 1, "top-28"),
    Case("one trial of four epochs, two layers frozen", 1, 4, "top-28"),
)


@dataclass(frozen=True)
class Row:
    """What the frozen layers of a case took: processor seconds with and without a trunk, uses, the rule's word."""

    case: Case
    uses: float
    kept: float
    plain: float
    is_kept: bool


def measure(case: Case, tasks: Sequence[Task], model: LanguageModel, dev_rows: int) -> Row:
    """Runs the frozen layers over all packs of a case's trials, once with a trunk and once without."""
    setup = Setup(
        "embedded",
        tuple(tasks),
        ("sms_spam",),
        Budget(steps=case.steps),
        SizePolicy(),
        Lora(layers=case.layers),
        Train(batch_examples=8, max_length=64),
        Scoring(dev_rows=dev_rows),
        None,
    )
    packs = _packs(case, setup, Encoder(model.tokenizer))
    depth = model.depth(setup.lora)
    trunk = Trunk(model, depth)
    start = time.process_time()
    for pack in packs:
        forest = plant(pack, device=model.device, dtype=model.dtype)
        trunk.prepare(forest.nodes)
        trunk.states(forest.nodes)
    kept = time.process_time() - start
    start = time.process_time()
    for pack in packs:
        run_below(model, depth, pack)
    plain = time.process_time() - start
    used = [node for pack in packs for node in plant(pack, device=model.device, dtype=model.dtype).nodes]
    uses = sum(len(node.ids) for node in used) / sum(len(node.ids) for node in set(used))
    return Row(case, uses, kept, plain, pays(uses, CPU))


def _packs(case: Case, setup: Setup, encoder: Encoder) -> list[list[Example]]:
    """Gives what the trials train on and are scored on; with several steps one trial meets a batch again and again."""
    rows = 8 if case.trials == 1 else None
    pool = {task.name: encoder.examples(task, task.rows["train"][:rows], max_length=64) for task in setup.tasks}
    exams = exams_of(setup, encoder, "dev", count=setup.scoring.dev_rows)
    made: list[list[Example]] = []
    for names in MIXTURES[: case.trials]:
        drawn = plan(Request(Mixture.of(names)), pool, budget=setup.budget, policy=setup.size_policy, train=setup.train)
        for batch in drawn.batches:
            made += packs_of(batch, PACK_TOKENS)
        for exam in exams:
            made += packs_of(exam.examples, PACK_TOKENS)
    return made


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
    model = load_model(options.model, train=Train(), lora=Lora())
    rows = [measure(case, tasks, model, options.dev_rows) for case in CASES]
    costs = {depth: (found.fill, found.read) for depth in options.depths for found in [measured(model, depth)]}
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
        "<!-- written by benchmarks/trunk.py; do not edit -->\n"
        "Costs are in passes of packs through the same layers. Times are the frozen layers' share of a study in "
        "seconds of the processor, on one thread; the rule is `cotune.training.worth.pays` for that many uses.\n\n"
        f"`{command}` at commit {facts['commit']} on {facts['hardware']}, one thread, Python {facts['python']}.\n\n"
    )


if __name__ == "__main__":
    main()
