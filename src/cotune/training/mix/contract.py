"""The contract of a mixer: what it is told before a step, which shares it answers, and what it remembers.

A mixer is a frozen dataclass of its options. As with a balancer, all it needs comes as arguments and all it remembers
is a `State` that it gives back, so that a run that goes on from a saved state equals one that never stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cotune.training.balance.contract import Array, State, Tasks

Need: TypeAlias = Literal["validation", "influence", "reference", "auxiliaries"]
"""What is computed only if asked: losses on held-out rows, products of gradients, and reference losses. `auxiliaries`:
it is of use only where a dataset is no target."""

HELD: frozenset[Need] = frozenset({"validation", "influence"})
"""What is measured on rows that are held out of the training."""


@dataclass(frozen=True)
class Influence:
    """Gradients of held-out losses against those of train rows, of the tasks' mean losses per answer token.

    `products` are [held-out task, train task]: to first order, what a step of size 1 on the second takes off the loss
    of the first. `held` and `train` are the gradients' lengths, [task].
    """

    products: Array
    held: Array
    train: Array

    @property
    def cosines(self) -> Array:
        """The cosine of each pair of gradients, [held-out task, train task]; 0 where one has no length."""
        lengths = np.outer(self.held, self.train)
        cosines: Array = self.products / np.where(lengths > 0, lengths, 1)
        return cosines


@dataclass(frozen=True)
class Seen:
    """The batch before: the task of each example, its mean loss per answer token before its step, and the reference's.

    All are [example], losses in nats; without a reference, `references` is None.
    """

    owner: NDArray[np.int64]
    losses: Array
    references: Array | None = None

    def excess(self, task: int) -> float:
        """Gives by how much a task's examples cost more than under the reference, at least 0 each, on average.

        Raises:
            ValueError: there is no reference, since the mixer did not ask for one.
        """
        if self.references is None:
            raise ValueError("A mixer uses only signals that it asks for in `needs`; there is no reference here.")
        mine = self.owner == task
        return float(np.maximum(self.losses[mine] - self.references[mine], 0).mean())


@dataclass(frozen=True)
class Signals:
    """What is known before step `step` of `steps`, counted from 1.

    `start` are the shares that the mixture and the size policy give [task], `epochs` is how often the rows of each task
    were seen so far [task]. `validation` [task] and `influence` come at some steps only, in all at `looks` of them.
    """

    tasks: Tasks
    step: int
    steps: int
    seed: int
    start: Array
    epochs: Array
    looks: int = 1
    seen: Seen | None = None
    validation: Array | None = None
    influence: Influence | None = None

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers of this step; the same whenever it is asked."""
        return np.random.default_rng([self.seed, self.step])


@dataclass(frozen=True)
class Answer:
    """What a mixer says of a step: the shares of training tokens that its batch is drawn by, [task].

    Shares of 0 draw nothing. `weights` [task] are factors on the tasks' mean losses; None weighs all answer tokens
    alike. `expected` are the probabilities that shares were drawn from, for the record. `dropped` names tasks that are
    left out from now on, with the reason. `back` goes back to the model as it was before an earlier step, of those that
    it said to `keep` ever since.
    """

    shares: Array
    weights: Array | None = None
    expected: Array | None = None
    dropped: Mapping[int, str] | None = None
    back: int | None = None
    keep: tuple[int, ...] = ()


class Mixer(Protocol):
    """How the shares of the tasks change while a model trains."""

    needs: ClassVar[frozenset[Need]]

    def start(self, tasks: Tasks, shares: Array) -> State:
        """Gives the state before the first step; `shares` are those of the mixture and the size policy, [task].

        Raises:
            ValueError: the tasks do not suit it.
        """
        ...

    def mix(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives how the batch of a step is drawn, and the state after it."""
        ...


def raised(shares: Array, gains: Array) -> Array:
    """Gives share x exp(gain), scaled to sum 1: a step of exponentiated gradient, [task].

    >>> raised(np.array([0.5, 0.5]), np.array([0.0, np.log(3)])).round(6).tolist()
    [0.25, 0.75]
    """
    with np.errstate(divide="ignore"):  # a share of 0 stays
        logs = np.log(shares) + gains
    powers = np.exp(logs - logs.max())
    normal: Array = powers / powers.sum()
    return normal


def one_of(shares: Array, rng: np.random.Generator) -> Array:
    """Draws one task by its share and gives shares of 1 for it and 0 for the others, [task]."""
    drawn: Array = np.eye(len(shares))[rng.choice(len(shares), p=shares / shares.sum())]
    return drawn


def check_range(name: str, options: Mapping[str, float], *, low: float, high: float = np.inf) -> None:
    """Refuses options that are not above `low` and at most `high`, and infinite ones.

    Raises:
        ValueError: names the option.
    """
    bad = {key: value for key, value in options.items() if not low < value <= high or value == np.inf}
    if bad:
        rule = f"> {low:g}" if high == np.inf else f"> {low:g} and <= {high:g}"
        raise ValueError(f"Options of mixing {name!r} are finite, with {', '.join(options)} {rule}; got {bad}.")
