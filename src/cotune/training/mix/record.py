"""The record of what a mixer did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cotune.training.balance.contract import Array
from cotune.training.balance.record import MOST_STEPS
from cotune.training.mix.contract import Answer
from cotune.trial import Mixed


@dataclass(frozen=True)
class Line:
    """One step: the shares it was to be drawn by, the tokens drawn until after it, and the weights, all [task]."""

    step: int
    shares: Array
    tokens: Array
    weights: Array | None

    @classmethod
    def of(cls, step: int, answer: Answer, tokens: Array) -> "Line":
        """Gives the line of a step."""
        return cls(step, answer.shares if answer.expected is None else answer.expected, tokens, answer.weights)


def mixed_of(
    mixing: str,
    names: Sequence[str],
    lines: Sequence[Line],
    dropped: Sequence[tuple[int, int, str]],
    influence: Sequence[Array] = (),
) -> Mixed:
    """Gives what a trial keeps: at most 200 steps, evenly spread, the first and the last among them.

    `influence` are the cosines of each look, [held-out task, train task]; their mean is kept.
    """
    chosen = np.unique(np.linspace(0, len(lines) - 1, min(len(lines), MOST_STEPS)).round().astype(int))
    kept = [lines[place] for place in chosen]
    return Mixed(
        mixing,
        tuple(line.step for line in kept),
        {name: tuple(float(line.shares[task]) for line in kept) for task, name in enumerate(names)},
        {name: tuple(int(line.tokens[task]) for line in kept) for task, name in enumerate(names)},
        {
            name: tuple(float(line.weights[task]) for line in kept if line.weights is not None)
            for task, name in enumerate(names)
            if any(line.weights is not None for line in kept)
        },
        tuple((step, names[task], reason) for step, task, reason in dropped),
        _mean_of(names, influence),
    )


def _mean_of(names: Sequence[str], influence: Sequence[Array]) -> dict[str, dict[str, float]]:
    """Gives the mean over looks, by held-out task and by train task."""
    if not influence:
        return {}
    mean = np.mean(influence, axis=0).tolist()
    return {held: dict(zip(names, row, strict=True)) for held, row in zip(names, mean, strict=True)}
