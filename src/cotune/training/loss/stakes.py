"""Stakes: what each wrong answer costs, and what a model is to expect of its own answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from cotune.training.example import Example

Answer = tuple[int, ...]
Branches = tuple[Mapping[int, float], ...]
"""For each token of an answer: the tokens that lead to other answers instead, each with what those cost on average."""


@dataclass(frozen=True)
class Stakes:
    """The answers of a task, what the second costs where the first is right, and how much a row of each counts.

    `worst` is the cost of whatever is none of the answers. Answers end with the same token, so none begins another.
    `confidences` say how sure the answers of train rows are, by id, for a loss that asks.
    """

    answers: tuple[Answer, ...]
    costs: np.ndarray  # [right answer, given answer]
    worst: tuple[float, ...]  # [right answer]
    weights: tuple[float, ...]  # [right answer]
    branches: Mapping[Answer, Branches] = field(init=False)
    confidences: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made = {gold: _branches(place, self.answers, self.costs[place]) for place, gold in enumerate(self.answers)}
        object.__setattr__(self, "branches", made)


def _branches(right: int, answers: Sequence[Answer], costs: np.ndarray) -> Branches:
    gold = answers[right]
    found: list[dict[int, list[float]]] = [{} for _ in gold]
    for place, other in enumerate(answers):
        if place == right:
            continue
        spot = next(i for i, (one, two) in enumerate(zip(gold, other, strict=False)) if one != two)
        found[spot].setdefault(other[spot], []).append(float(costs[place]))
    return tuple({token: float(np.mean(each)) for token, each in line.items()} for line in found)


@dataclass(frozen=True)
class Outlook:
    """Log-probability of the right answer [example] and of each way to another, with its cost and owner [way]."""

    right: torch.Tensor
    ways: torch.Tensor
    costs: torch.Tensor
    owner: torch.Tensor


def outlook(logits: torch.Tensor, examples: Sequence[Example], stakes: Stakes) -> Outlook:
    """Gives what a model expects of its answers, from its logits along the right ones [answer token, vocabulary].

    A way to other answers is a first token that differs. Where several answers lie behind it they count as equally
    likely there, since only the tokens of the right answer were read; where one does, the probability is that of
    decoding which keeps to the known answers from there on. So no label needs a pass of its own.
    """
    logs = logits.log_softmax(dim=1)
    rows, tokens, costs, owner = [], [], [], []
    gold: list[int] = []
    first = 0
    for place, example in enumerate(examples):
        for spot, ways in enumerate(stakes.branches[example.answer]):
            for token, cost in ways.items():
                rows.append(first + spot)
                tokens.append(token)
                costs.append(cost)
                owner.append(place)
        gold += example.answer
        first += len(example.answer)
    along = logs.gather(1, torch.tensor(gold, device=logs.device)[:, None])[:, 0]  # [answer token]
    parts = along.split([len(example.answer) for example in examples])
    before = torch.cat([part.cumsum(0) - part for part in parts])
    at = torch.tensor(rows, device=logs.device, dtype=torch.long)
    return Outlook(
        torch.stack([part.sum() for part in parts]),
        before[at] + logs[at, torch.tensor(tokens, device=logs.device, dtype=torch.long)],
        torch.tensor(costs, device=logs.device),
        torch.tensor(owner, device=logs.device, dtype=torch.long),
    )


def spread_out(losses: torch.Tensor, examples: Sequence[Example]) -> torch.Tensor:
    """Gives losses of rows [example] as losses of their answer tokens, which sum to them, [answer token]."""
    sizes = torch.tensor([len(example.answer) for example in examples], device=losses.device)
    return (losses / sizes).repeat_interleave(sizes)
