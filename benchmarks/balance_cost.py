"""What a step costs under each balancer: `python -m benchmarks.balance_cost POOL [NAME ...] [--steps N]`.

CPU seconds of the training alone, on the embedded model with its trunk filled, as a factor of those of `equal`; and the
bytes of the gradients that balancers of gradients hold.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cotune import Mixture, Request, load_tasks
from cotune.training import Balance, Budget, FineTune, Lora, Train
from cotune.training.balance.choice import EQUAL, PLACES
from cotune.training.forest import PACK_TOKENS
from cotune.training.lora import adapted

ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for each balancer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(PLACES))
    parser.add_argument("--steps", type=int, default=10)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    tasks = load_tasks(given.pool)
    train = Train(batch_tokens=1024, max_length=256)
    evaluate = FineTune("embedded", tasks, targets=(tasks[0].name,), budget=Budget(steps=given.steps), train=train)
    measured: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name in (EQUAL, *given.names):
            measured.setdefault(name, []).append(seconds(evaluate, replace(train, balancer=Balance(name))))
    equal = statistics.median(measured[EQUAL])
    print(f"{len(tasks)} datasets, {given.steps} steps of 1024 tokens, {ROUNDS} rounds, one thread")
    print(f"trained weights: {weights(evaluate) / 2**20:.1f} MiB in float32, held once per dataset for its gradient")
    for name, times in measured.items():
        middle, least, most = statistics.median(times), min(times) / equal, max(times) / equal
        print(f"{name:20} {middle / given.steps:7.3f} s a step, x{middle / equal:.3f} [{least:.3f}, {most:.3f}]")


def seconds(evaluate: FineTune, train: Train) -> float:
    """Gives the CPU seconds of one training; states of the frozen layers are there beforehand."""
    engine = evaluate.engine
    engine.setup = replace(engine.setup, train=train)
    request = Request(Mixture.of(task.name for task in engine.setup.tasks))
    drawn = engine.plan(request)
    _, held = engine._rows(request.mixture.names)
    engine._trainer.encode(
        None, [*drawn.examples, *(example for rows in held.values() for example in rows)], pasts=False
    )
    with adapted(engine.model, engine.setup.lora, seed=0) as trainee:
        balanced = engine._balanced(request, drawn, trainee, PACK_TOKENS)
        started = time.process_time()
        engine._trainer.train(request, drawn, trainee, PACK_TOKENS, balanced)
        return time.process_time() - started


def weights(evaluate: FineTune) -> int:
    """Gives the bytes of one gradient."""
    with adapted(evaluate.engine.model, Lora(), seed=0) as trainee:
        return 4 * sum(parameter.numel() for parameter in trainee.parameters)


if __name__ == "__main__":
    main()
