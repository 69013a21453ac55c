"""Train rows that are held out to measure validation losses on."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np

from cotune.training.errors import TrialError
from cotune.training.example import Example


def held_out(
    pool: Mapping[str, Sequence[Example]], rows: int
) -> tuple[dict[str, list[Example]], dict[str, list[Example]]]:
    """Gives what is left to train on and what is held out, by task: `rows`, at most a quarter of a task.

    Which rows hangs on the task's name alone, so that all trials of a study hold out the same.

    Raises:
        TrialError: a task has too few rows.
    """
    few = sorted(name for name, examples in pool.items() if len(examples) < 4)
    if few:
        raise TrialError(f"Losses are looked at on up to a quarter of the train rows, but {few} have fewer than 4.")
    kept, held = {}, {}
    for name, examples in pool.items():
        rng = np.random.default_rng(int.from_bytes(sha256(name.encode()).digest()[:8]))
        chosen = set(rng.permutation(len(examples))[: min(rows, len(examples) // 4)].tolist())
        kept[name] = [example for place, example in enumerate(examples) if place not in chosen]
        held[name] = [examples[place] for place in sorted(chosen)]
    return kept, held
