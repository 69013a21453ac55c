"""Rep-MTL: equal weights, with penalties on how the tasks' gradients at the hidden state overlap."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from cotune.training.balance.contract import Answer, Need, Signals, State, Tasks, check_options, told

if TYPE_CHECKING:
    import torch

LEAST = 1e-12
NEVER = 1e9
"""Taken from what is not to count in a sum of exponentials."""


@dataclass(frozen=True)
class RepMtl:
    """Equal weights, plus `entropy` times the entropy over tasks of the saliency, and `align` times its contrast.

    Source: Wang, Li and Xu (2025), "Rep-MTL: Unleashing the Power of Representation-level Task Saliency for Multi-Task
    Learning": saliency is the gradient of a task's loss at the shared representation. Entropy-based penalisation keeps
    what is a task's own; sample-wise contrastive alignment promotes what tasks share. Our reading, since the formulas
    could not be had and each of our samples is of one task: the first is the mean over channels of the entropy of
    |s_kc| / sum_j |s_jc|, where s_k is the mean saliency of task k's answer tokens; in the second a sample's saliency
    (the sum over its answer tokens) is to be more like the mean saliency of the other tasks than like those of the
    other samples of its own, by cosine over `temperature` (InfoNCE). Their slopes need the output layer twice more.
    """

    entropy: float = 0.1
    align: float = 0.1
    temperature: float = 0.5
    needs: ClassVar[frozenset[Need]] = frozenset({"saliency"})

    def __post_init__(self) -> None:
        check_options(
            "rep_mtl",
            positive={"temperature": self.temperature},
            at_least_0={"entropy": self.entropy, "align": self.align},
        )

    def start(self, tasks: Tasks) -> State:  # noqa: ARG002 (nothing is remembered)
        """Gives an empty state."""
        return {}

    def weigh(self, signals: Signals, state: State) -> tuple[Answer, State]:
        """Gives equal weights of the tasks in the batch, and the penalty where there are two or more."""
        weights = signals.present / signals.present.sum()
        if signals.present.sum() < 2:
            return Answer(weights=weights), state
        saliency = told(signals.saliency)
        tokens = signals.tokens.astype(int)
        samples = _sums(saliency, np.repeat(np.arange(len(tokens)), tokens))  # [example, width]
        owner = np.unique(signals.owner, return_inverse=True)[1]  # among the present tasks, [example]
        counts = samples.new_tensor(np.bincount(owner, weights=tokens))
        means = _sums(samples, owner) / counts[:, None]  # [present task, width]
        penalty = self.entropy * entropy(means) + self.align * contrast(samples, means, owner, self.temperature)
        return Answer(weights=weights, penalty=penalty), state


def entropy(means: "torch.Tensor") -> "torch.Tensor":
    """Gives the mean over channels of the entropy over tasks of |mean saliency|, in nats; means are [task, width].

    >>> import torch
    >>> round(float(entropy(torch.tensor([[1.0, 2.0], [-1.0, 0.0]]))), 4)  # ln 2 and 0
    0.3466
    """
    size = means.abs()
    share = size / size.sum(dim=0).clamp_min(LEAST)
    return -(share * share.clamp_min(LEAST).log()).sum(dim=0).mean()


def contrast(
    samples: "torch.Tensor", means: "torch.Tensor", owner: NDArray[np.int64], temperature: float
) -> "torch.Tensor":
    """Gives the mean over samples of -log of the share that likeness to the other tasks has.

    `samples` are [example, width], `means` [task, width]; `owner` is the task of each example.
    """
    tasks = _unit(means)
    others = _unit((tasks.sum(dim=0) - tasks)[owner])  # [example, width]
    unit = _unit(samples)
    wanted = (unit * others).sum(dim=1) / temperature  # [example]
    apart = samples.new_tensor((owner[:, None] != owner) | np.eye(len(owner), dtype=bool))  # [example, example]
    alike = (unit @ unit.T / temperature - NEVER * apart).logsumexp(dim=1)
    return (wanted.logaddexp(alike) - wanted).mean()


def _unit(rows: "torch.Tensor") -> "torch.Tensor":
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(LEAST)


def _sums(rows: "torch.Tensor", place: NDArray[np.int64]) -> "torch.Tensor":
    """Gives the sums of the rows [row, width] that have the same place, [place, width]."""
    import torch

    where = torch.from_numpy(place).to(rows.device)
    return rows.new_zeros(int(place.max()) + 1, rows.shape[1]).index_add(0, where, rows)
