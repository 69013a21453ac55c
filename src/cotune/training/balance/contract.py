"""The contract of a balancer: what it is told of a step, what it answers, and what it remembers.

A balancer is a frozen dataclass of its options. All it needs comes as arguments, all it remembers is a `State` that it
gives back, so that a run that goes on from a saved state equals one that never stopped. Arrays are float64, on the CPU.

The trainer descends the sum of weight x mean loss per answer token over the tasks of a batch. Weights sum to 1 where
nothing speaks for a task: a paper's weights that sum to the number of tasks are divided by it, so that learning rate
and clipping mean the same under every balancer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array: TypeAlias = NDArray[np.float64]
State: TypeAlias = Mapping[str, Array]
Signal = TypeVar("Signal")
Need: TypeAlias = Literal[
    "losses",
    "gradients",
    "validation",
    "after",
    "auxiliaries",
    "hidden",
    "saliency",
    "ahead",
    "held_gradient",
    "plain",
    "classes",
    "densities",
    "confidences",
    "clipped",
    "teachers",
    "momentum",
    "scaled",
]
"""What is computed only if asked: losses of the batch before its step, gradients by task, losses on held-out rows, and
losses of the batch before, after its step. `hidden`: the gradients are at the hidden state under the output layer, in
place of those of trained parameters; `saliency`: they come by answer token, and may be penalised; `ahead`: gradients at
shifted parameters; `held_gradient`: gradients come at some steps only, with that of the targets on held-out rows.
`auxiliaries`: it is of use only where a dataset is no target. `plain`: it answers for the record alone. Of single rows:
how common their class is, how much they look like those of the targets, and how sure their answer is. `clipped`:
gradients by task are sums over examples, each cut to the length that the state has as `clip`. `teachers`: a model is
trained on each task alone first, and the gradient of the distance from these at the `temperature` of the state comes
beside that of the loss. `momentum`: it smooths gradients itself, so that the optimiser does not.
`scaled`: what the trained layers are given of auxiliary rows is multiplied by their own confidence, as the state's
`scaling` says: to that power, and no smaller than that."""

HELD: frozenset[Need] = frozenset({"validation", "held_gradient"})
"""What is measured on rows that are held out of the training."""
UNDROPPED: frozenset[Need] = HELD | {"after", "teachers"}
"""What is measured without dropout."""


@dataclass(frozen=True)
class Tasks:
    """The tasks of a mixture: which are targets [task], and how many train rows they have [task]."""

    names: tuple[str, ...]
    targets: tuple[bool, ...]
    rows: tuple[int, ...]

    @property
    def equal(self) -> Array:
        """Equal weights, [task]."""
        return np.full(len(self.names), 1 / len(self.names))

    @property
    def auxiliary(self) -> NDArray[np.bool_]:
        """Which tasks are no targets, [task]; all of them where all are."""
        return np.full(len(self.targets), True) if all(self.targets) else ~np.array(self.targets)


@dataclass(frozen=True)
class Signals:
    """What is known before step `step` of `steps`, counted from 1.

    `owner` is the task of each example and `tokens` how many answer tokens it has, both [example]. Losses are in nats
    per answer token: `example_losses` [example], the others [task]; of a task without an example in the batch `losses`
    holds what was last seen, or the mean of the others. `previous` is what `losses` was at the step before, `after`
    what that batch gives now, both without dropout where both are asked for. `validation` comes at some steps only.
    `gradients` are [present task, parameter], or [present task, width] at the hidden state; `ahead` gives those at the
    parameters plus a shift of each task's own, of the same shape and with the same dropout. `held_gradient` is that of
    the sum of the targets' losses on held-out rows, [parameter]. `saliency` is the gradient of each answer token's loss
    at the hidden state, [answer token, width]. `taught` are the gradients of the batch's loss under equal weights and
    of its distillation loss, [2, parameter]. `fixed` are the factors of `train.weights`, [task], with mean 1; only what
    goes into `Answer.extra` is to be multiplied by them.

    What is known of rows is [example]: `class_shares` the share of its class among its task's train rows times the
    number of classes, NaN without labels; `densities` how many times as often it would occur among the targets' rows, 1
    on average over the others' and NaN of a target's own; `confidences` in [0, 1] how sure its answer is, by the data
    where it says so, else by the model so far.
    """

    tasks: Tasks
    step: int
    steps: int
    seed: int
    owner: NDArray[np.int64]
    tokens: Array
    example_losses: Array | None = None
    losses: Array | None = None
    previous: Array | None = None
    after: Array | None = None
    validation: Array | None = None
    gradients: "torch.Tensor | None" = None
    class_shares: Array | None = None
    densities: Array | None = None
    confidences: Array | None = None
    ahead: "Callable[[torch.Tensor], torch.Tensor] | None" = None
    held_gradient: "torch.Tensor | None" = None
    saliency: "torch.Tensor | None" = None
    taught: "torch.Tensor | None" = None
    fixed: Array | None = None

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which tasks have an example in the batch, [task]."""
        return np.isin(np.arange(len(self.tasks.names)), self.owner)


@dataclass(frozen=True)
class Answer:
    """What a balancer says of a step, in one of three ways.

    `weights` are factors on the tasks' mean losses [task], `examples` on the examples' mean losses [example], and
    `gradient` is the merged gradient itself [parameter], which needs gradients by task. `extra` [parameter] is added to
    the gradient merged by `weights`; `penalty`, a function of the saliency, to the loss. For the record alone are
    `shares` [task], what went into that gradient, and `spent` [task, way of counting], the privacy given up so far, at
    `terms`, by name.
    """

    weights: Array | None = None
    examples: Array | None = None
    gradient: "torch.Tensor | None" = None
    shares: Array | None = None
    spent: Array | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    extra: "torch.Tensor | None" = None
    penalty: "torch.Tensor | None" = None

    def __post_init__(self) -> None:
        given = [value for value in (self.weights, self.examples, self.gradient) if value is not None]
        if len(given) != 1:
            raise ValueError(f"A balancer answers with one of weights, examples, gradient; got {len(given)} of them.")


class Balancer(Protocol):
    """How the losses or gradients of the tasks are merged."""

    needs: ClassVar[frozenset[Need]]

    def start(self, tasks: Tasks) -> State:
        """Gives the state before the first step.

        Raises:
            ValueError: the tasks do not suit it.
        """
        ...

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives what is to be done at a step, and the state after it."""
        ...


def softmax(values: Array) -> Array:
    """Gives exp(value) / sum of all, [task].

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    raised = np.exp(values - values.max())
    normal: Array = raised / raised.sum()
    return normal


def told(signal: Signal | None) -> Signal:
    """Gives a signal that the balancer asked for.

    Raises:
        ValueError: the trainer did not compute it.
    """
    if signal is None:
        raise ValueError("A balancer uses only signals that it asks for in `needs`; this one was not computed.")
    return signal


def spread(weights: Array, present: NDArray[np.bool_]) -> Array:
    """Gives weights of the present tasks [present task] as weights of all [task], 0 for the others."""
    full = np.zeros(len(present))
    full[present] = weights
    return full


def check_options(name: str, *, positive: Mapping[str, float], at_least_0: Mapping[str, float] | None = None) -> None:
    """Refuses options out of range.

    Raises:
        ValueError: names the option.
    """
    bad = {key: value for key, value in positive.items() if not 0 < value < np.inf}
    bad |= {key: value for key, value in (at_least_0 or {}).items() if not 0 <= value < np.inf}
    if bad:
        rule = "; ".join(
            [f"{', '.join(positive)} > 0"] * bool(positive) + [f"{', '.join(at_least_0 or {})} >= 0"] * bool(at_least_0)
        )
        raise ValueError(f"Options of balancer {name!r} are finite, with {rule}; got {bad}.")
