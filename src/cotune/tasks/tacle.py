"""TACLE: how likely a pseudo-label must be at a stage, and what the rows of a class weigh."""

from collections.abc import Mapping
from math import exp

ALPHA, BETA = 0.5, 0.65
"""The authors' settings for CIFAR: 0.9 at the first stage, falling towards 0.65."""


def threshold(stage: int, *, alpha: float = ALPHA, beta: float = BETA) -> float:
    """Gives alpha / (1 + e^(alpha (stage - 1))) + beta: how likely the likeliest label is at least where it counts.

    `stage` is 1 for the first dataset of a sequence. How many stages there are does not matter. Source: Kalla, Kumar
    and Biswas (2025), "TACLE: Task and Class-aware Exemplar-free Semi-supervised Class Incremental Learning", the
    task-wise adaptive threshold, equation 1 of the supplement. The copies of the paper that we could read lack the
    formula, so this is that of the authors' code (rokmr/TACLE, models/tacle.py, `_stage1`): one number is both the
    height and the rate, and tasks count from 0.

    >>> [round(threshold(stage), 3) for stage in (1, 2, 5)]
    [0.9, 0.839, 0.71]
    """
    return alpha / (1 + exp(alpha * (stage - 1))) + beta


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Gives 1 + least count / own count for each class: 2 for the rarest, never less than 1.

    Classes without rows are not the rarest, and get 2. Source: as above, the class-aware weighted cross-entropy, again
    by the authors' code: scikit-learn's "balanced" weights, rows / (classes x count), divided by the largest of them,
    plus 1. They count the pseudo-labels kept and one row of each class; we count the labelled rows in place of that
    one, since labelled and kept rows are weighed alike.

    >>> class_weights({"ham": 8, "spam": 2})
    {'ham': 1.25, 'spam': 2.0}
    """
    least = min((count for count in counts.values() if count), default=0)
    return {name: 1 + least / count if count else 2.0 for name, count in counts.items()}
