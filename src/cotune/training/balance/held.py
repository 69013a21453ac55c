"""Train rows that are held out to measure validation losses on."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np

from cotune.task import Task
from cotune.training.errors import TrialError
from cotune.training.example import Example

FEWEST = 4
"""Train rows that a dataset has at least, since at most a quarter of them is held out."""


def check_enough(what: str, tasks: Sequence[Task]) -> None:
    """Refuses datasets of which nothing can be held out; those without train rows are in no mixture.

    Raises:
        ValueError: names them, and `what` looks at held-out rows.
    """
    few = [task.name for task in tasks if 0 < len(task.rows.get("train", ())) < FEWEST]
    if few:
        raise ValueError(
            f"{what} looks at up to a quarter of each dataset's train rows, held out; {few} have fewer than {FEWEST}. "
            "Leave them out, or choose another."
        )


def held_out(
    pool: Mapping[str, Sequence[Example]], rows: int
) -> tuple[dict[str, list[Example]], dict[str, list[Example]]]:
    """Gives what is left to train on and what is held out, by task: `rows`, at most a quarter of a task.

    Which rows hangs on the task's name alone, so that all trials of a study hold out the same.

    Raises:
        TrialError: a task has too few rows.
    """
    few = sorted(name for name, examples in pool.items() if len(examples) < FEWEST)
    if few:
        raise TrialError(
            f"Losses are looked at on up to a quarter of the train rows, but {few} have fewer than {FEWEST}."
        )
    kept, held = {}, {}
    for name, examples in pool.items():
        rng = np.random.default_rng(int.from_bytes(sha256(name.encode()).digest()[:8]))
        chosen = set(rng.permutation(len(examples))[: min(rows, len(examples) // 4)].tolist())
        kept[name] = [example for place, example in enumerate(examples) if place not in chosen]
        held[name] = [examples[place] for place in sorted(chosen)]
    return kept, held
