"""What the additive model sees of mixtures: how many datasets count, which are in, and how much of each."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def effective_size(parts: Array) -> Array:
    """Gives 1 / sum of squared shares [mixture] of `parts` [mixture, task]: the number of tasks if parts are equal.

    The inverse Simpson index (Hill, 1973, Diversity and Evenness: A Unifying Notation and Its Consequences, N_2).
    """
    return np.asarray(parts.sum(axis=1) ** 2 / (parts**2).sum(axis=1))


def presence(parts: Array) -> Array:
    """Tells as 1 or 0 [mixture, task] which tasks have `parts` [mixture, task]."""
    return (parts > 0).astype(float)


def shortfall(parts: Array) -> Array:
    """Gives how far each present task stays below the largest one, relative to it: [mixture, task] in [0, 1).

    It is 0 everywhere where parts are equal, so that a model of presence and shortfall is one of presence there.

    >>> shortfall(np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0]])).tolist()
    [[0.0, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    return np.asarray(presence(parts) - parts / parts.max(axis=1, keepdims=True))
