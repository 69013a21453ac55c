"""What a step costs under each balancer, in time and in memory: `python -m benchmarks.balance_cost POOL [NAME ...]`.

CPU seconds of the training alone, on one thread, with the trunk filled: each balancer's trainings stand between two of
`equal`, and their ratio to the mean of those is what counts, so that the noise of a loaded machine cancels. Printed
are the median ratio, an interval of it (the order statistics of at least 95 %, or all if there are too few) and whether
the goal is met. The memory is the most that torch held at once beyond what it held before a training, profiled once.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from scipy.stats import binom
from torch.profiler import ProfilerActivity, profile

from benchmarks.provenance import provenance
from cotune import Mixture, Request, load_tasks
from cotune.training import Balance, Budget, FineTune, Train
from cotune.training.balance.choice import EQUAL, PLACES, needs_of
from cotune.training.forest import PACK_TOKENS
from cotune.training.lora import adapted

GOALS = {"loss weights": 1.05, "with validation losses": 1.15}


@dataclass(frozen=True)
class Cost:
    """Seconds of a step, its ratios to that of equal weights, one a round, and bytes at the peak."""

    choice: Balance
    seconds: float
    ratios: tuple[float, ...]
    peak: int

    @property
    def kind(self) -> str:
        """What the balancer asks for, as the goals tell it."""
        needs = needs_of(self.choice)
        if needs & {"hidden", "saliency"}:
            return "gradients at the hidden state"
        if "teachers" in needs:
            return "with teachers"
        if "held_gradient" in needs:
            return "gradients by task at some steps"
        if "gradients" in needs:
            return "gradients by task"
        if "after" in needs:
            return "with losses after the step"
        return "with validation losses" if "validation" in needs else "loss weights"

    @property
    def name(self) -> str:
        """The balancer, and where it takes gradients if not of the trained weights."""
        return f"{self.choice.name}@hidden" if self.choice.at == "hidden" else self.choice.name

    @property
    def verdict(self) -> str:
        """The goal of its kind and whether its median ratio meets it; "" where there is none."""
        goal = GOALS.get(self.kind)
        if goal is None:
            return ""
        return f"{goal:.2f}: {'met' if statistics.median(self.ratios) <= goal else 'missed'}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for each balancer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", default=[*PLACES, "mgda@hidden"])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--markdown", type=Path, help="write the table here")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    tasks = load_tasks(given.pool)
    train = Train(batch_tokens=1024, max_length=256)
    evaluate = FineTune(given.model, tasks, targets=(tasks[0].name,), budget=Budget(steps=given.steps), train=train)
    names = ", ".join(task.name for task in tasks)
    work = f"{names}; {given.steps} steps of {train.batch_tokens} tokens, {given.rounds} rounds, one thread"
    print(work)
    trained(evaluate, Balance())  # states of its rows are made once, and are no part of its peak
    plain = peak(evaluate, Balance())
    print(f"{EQUAL:22} {'':33} {plain / 2**20:7.1f} MiB at the peak")
    costs = []
    for name in given.names:
        costs.append(measured(evaluate, chosen(name), steps=given.steps, rounds=given.rounds))
        print(line(costs[-1], plain), flush=True)
    if given.markdown:
        given.markdown.write_text(page(work, costs, plain))


def chosen(name: str) -> Balance:
    """Gives the balancer NAME, or NAME@hidden for gradients at the hidden state."""
    name, _, at = name.partition("@")
    return Balance(name, at="hidden" if at == "hidden" else "parameters")


def measured(evaluate: FineTune, choice: Balance, *, steps: int, rounds: int) -> Cost:
    """Gives the cost of a balancer; trainings of equal weights stand before, between and after its own."""
    trained(evaluate, choice)  # states of held-out rows, and whatever else is made once
    equal = [trained(evaluate, Balance())]
    own = []
    for _ in range(rounds):
        own.append(trained(evaluate, choice))
        equal.append(trained(evaluate, Balance()))
    around = [(before + after) / 2 for before, after in pairwise(equal)]
    ratios = tuple(mine / plain for mine, plain in zip(own, around, strict=True))
    return Cost(choice, statistics.median(own) / steps, ratios, peak(evaluate, choice))


def line(cost: Cost, plain: int) -> str:
    """Gives the line of a balancer; `plain` are the bytes of equal weights."""
    memory = f"{cost.peak / 2**20:7.1f} MiB at the peak (x{cost.peak / plain:.2f})"
    verdict = f"; goal {cost.verdict}" if cost.verdict else ""
    return f"{cost.name:22} {cost.seconds:6.3f} s, {times(cost.ratios)} {memory}  {cost.kind}{verdict}"


def page(work: str, costs: Sequence[Cost], plain: int) -> str:
    """Gives the table as Markdown, with where it comes from; `plain` are the bytes of equal weights."""
    facts, command = provenance(), " ".join(["python -m benchmarks.balance_cost", *sys.argv[1:]])
    rows = [
        f"| {cost.name} | {cost.kind} | {times(cost.ratios)} | {cost.peak / 2**20:.0f} | x{cost.peak / plain:.2f} | "
        f"{cost.verdict} |"
        for cost in costs
    ]
    return (
        "<!-- written by benchmarks/balance_cost; do not edit -->\n"
        f"Processor seconds of a step and the most memory of a training beside the model, as multiples of those of "
        f"`{EQUAL}` ({plain / 2**20:.0f} MiB): the median with its 95 % interval, or least and most where rounds are "
        f"too few for one.\n\n{work}. `{command}` at commit {facts['commit']} on {facts['hardware']}.\n\n"
        "| balancer | asks for | time of a step | MiB at the peak | memory | goal |\n|---|---|---|---|---|---|\n"
        + "".join(f"{row}\n" for row in rows)
    )


def times(ratios: Sequence[float]) -> str:
    """Gives the median with its interval.

    >>> times([1.0, 3.0, 2.0])
    'x2.000 [1.000, 3.000]'
    """
    low, high = interval(ratios)
    return f"x{statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]"


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Gives the order statistics that hold the median in 95 % of cases; least and most where there are too few.

    >>> interval([5.0, 1.0, 2.0, 3.0, 4.0, 6.0])
    (1.0, 6.0)
    """
    ordered = sorted(ratios)
    outside = next((k for k in range(len(ordered) // 2, 0, -1) if 2 * binom.cdf(k, len(ordered), 0.5) <= 0.05), 0)
    return ordered[outside], ordered[len(ordered) - 1 - outside]


def trained(evaluate: FineTune, choice: Balance) -> float:
    """Gives the CPU seconds of one training; states of the frozen layers are there beforehand."""
    setup = evaluate.engine.setup
    engine = evaluate.engine.under(replace(setup, train=replace(setup.train, balancer=choice)))
    request = Request(Mixture.of(task.name for task in engine.setup.tasks))
    drawn = engine.plan(request)
    _, held = engine._guides.rows(request.mixture.names)
    looked_at = [example for rows in held.values() for example in rows]
    engine._trainer.encode(None, [*drawn.examples, *looked_at], pasts=False)
    teachers = engine._guides.teachers(request, rehearsal=True)
    with adapted(engine.model, engine.setup.lora, seed=0) as trainee:
        balanced = engine._guides.balanced(request, drawn, trainee, PACK_TOKENS, teachers)
        started = time.process_time()
        engine._trainer.train(request, drawn, trainee, PACK_TOKENS, balanced)
        return time.process_time() - started


def peak(evaluate: FineTune, choice: Balance) -> int:
    """Gives the most bytes that tensors of one training took at once, those of the model and its trunk left out."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        trained(evaluate, choice)
    held, most = 0, 0
    for event in found.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


if __name__ == "__main__":
    main()
