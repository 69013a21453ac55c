"""CAGrad: near the mean gradient, the direction in which the worst task gains most."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq

from cotune.training.balance.contract import Answer, Array, Need, Signals, State, Tasks, check_options, spread, told
from cotune.training.balance.gramian import products
from cotune.training.balance.mgda import shortest

LEAST = 1e-6
"""A merged gradient so short, by the gradients' mean length, is none."""


@dataclass(frozen=True)
class CAGrad:
    """The direction of largest least gain among those within c times the mean gradient's length of it.

    Source: Liu et al. (2021), "Conflict-Averse Gradient Descent for Multi-Task Learning", algorithm 1: the mean
    gradient g plus c |g| G'w / |G'w|, for the w on the simplex of least (G'w)'g + c |g| |G'w|. Solved to rounding, see
    `averse`; torchjd's conic solver does not hold 1e-5 on random matrices.
    """

    c: float = 0.5
    needs: ClassVar[frozenset[Need]] = frozenset({"losses", "gradients"})

    def __post_init__(self) -> None:
        check_options("cagrad", positive={}, at_least_0={"c": self.c})

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives the weights under which the gradients make the merged one."""
        weights = averse(products(told(signals.gradients)), self.c)
        return Answer(weights=spread(weights, signals.present)), state


def averse(product: Array, c: float) -> Array:
    """Gives the weights of CAGrad's direction, [task], of the products of the gradients [task, task].

    With radius r = c |g|, r |x| is the least r (|x|^2 / l + l) / 2 over lengths l > 0. For a given l the best w is a
    shortest vector again, of the gradients plus l / r times their mean; the l sought is the |G'w| that it gives. Where
    gradients cancel out that is 0 and l is `LEAST` instead, which leaves the direction in its ball and w finite.

    >>> averse(np.eye(2), 0.5).round(6).tolist()
    [0.75, 0.75]
    """
    count = len(product)
    mean = np.full(count, 1 / count)
    scaled: Array = product / max(np.trace(product) / count, 1e-300)
    radius = c * np.sqrt(max(float(mean @ scaled @ mean), 0.0))
    if radius == 0:
        return mean

    def best(length: float) -> Array:
        shift = np.eye(count) + length / radius / count
        return shortest(shift @ scaled @ shift)

    def excess(length: float) -> float:
        w = best(length)
        return float(np.sqrt(max(float(w @ scaled @ w), 0.0)) - length)

    least = shortest(scaled)
    low = max(0.999 * float(np.sqrt(max(float(least @ scaled @ least), 0.0))), LEAST)
    high = 1.001 * float(np.sqrt(np.diag(scaled).max()))
    length = float(brentq(excess, low, high, xtol=1e-13)) if excess(low) > 0 else low
    weights: Array = mean + radius / length * best(length)
    return weights
