"""The hard negatives loss: a row is drawn to its label's rows and from the nearest of others, in the batch or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from cotune.training.example import Example
from cotune.training.settings import Train

Answer = tuple[int, ...]

NONE = -1e30
"""The score of what is no negative: its exponential is 0, and unlike minus infinity it has a slope."""


@dataclass(frozen=True)
class Beside:
    """Rows that a batch's rows hold and that are not in it: states at length 1 as last seen, [row, hidden].

    `holds` says which are negatives of which row of the batch, `alike` which have its label, both [example, row].
    """

    states: torch.Tensor
    holds: torch.Tensor
    alike: torch.Tensor


def hard_negatives(states: torch.Tensor, labels: torch.Tensor, beside: Beside, *, temperature: float) -> torch.Tensor:
    """Gives the loss of each row as anchor, [example], from states [example, hidden] and labels [example].

    It is the mean over its like rows of -log(e(like) / (e(like) + sum of e(negative))), where e is the exponential of
    cosine / temperature. Like rows are those of its label in the batch, and among those that others hold; negatives the
    rows of other labels in the batch, and those that it holds. A row without like rows has 0.

    Source: Li et al. (2024), "Conan-embedding: General Text Embedding with More and Better Negative Samples", the loss
    of its retrieval tasks, with negatives that are renewed as `Bank` says. Where we differ: a row has no positive of
    its own but those of its label; rows beside the batch have the states that they were last seen with, without slope,
    as in Wang et al. (2020), "Cross-Batch Memory for Embedding Learning", where Li et al. run them with each batch. As
    there, what is remembered gives positives too: were it negatives only, a model would do best to leave the place
    where it was, with rows of all labels together. The loss is mixed with the cross-entropy, as that of `contrastive`.
    `share` 0.5, `temperature` 0.1 and 8 `negatives` are ours.
    """
    unit = torch.nn.functional.normalize(states, dim=1)
    scaled = torch.cat([unit @ unit.T, unit @ beside.states.T], dim=1) / temperature
    alike = labels[:, None] == labels[None]
    against = torch.cat([~alike, beside.holds], dim=1)
    total = scaled.masked_fill(~against, NONE).logsumexp(dim=1, keepdim=True)
    itself = torch.eye(len(labels), dtype=torch.bool, device=states.device)
    like = torch.cat([alike & ~itself, beside.alike], dim=1)
    pairs = (torch.logaddexp(scaled, total) - scaled).masked_fill(~like, 0.0)
    loss: torch.Tensor = pairs.sum(dim=1) / like.sum(dim=1).clamp(min=1)
    return loss


def is_easy(score: float, first: float) -> bool:
    """Says whether negatives are no longer hard, from their mean cosine to their row now and when they were chosen.

    Source: Li et al. (2024), dynamic hard negative mining: 1.15 x score < first score, and |score| < 0.8.

    >>> is_easy(0.6, 0.7), is_easy(0.65, 0.7), is_easy(0.82, 0.99)
    (True, False, False)
    """
    return 1.15 * score < first and abs(score) < 0.8


@dataclass(frozen=True)
class Held:
    """The negatives of a row: their places in the bank, their mean score when chosen, the step of the last look."""

    places: tuple[int, ...]
    score: float
    step: int


@dataclass(frozen=True)
class Bank:
    """The rows of a dataset that were seen: states at length 1 as last seen [row, hidden], labels [row], negatives.

    A row's negatives are the nearest of the other labels, by the states of the bank. When the row is seen again and
    `every` batches of its dataset have passed since the last look, they are looked at: if they are easy (see `is_easy`)
    they are chosen anew. A row that has fewer than it should, since no more were seen, chooses whenever it is seen.

    Li et al. (2024) decide on the mean score of a row's negatives too; of their text the abstract and others' summaries
    were at hand. Where we differ: they begin with a teacher's ranking, leave out its first 10 rows, which may be
    positives without a label, and take the next ones further down when these are easy. Here labels are known, and the
    model's own states rank the rows anew. They look every 100 steps; 10 suits trainings of some 60 steps.
    """

    states: torch.Tensor
    labels: torch.Tensor
    places: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[Answer, int] = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)
    step: int = 0

    @classmethod
    def empty(cls, like: torch.Tensor) -> "Bank":
        """Gives one without rows, for states as those of `like`, [example, hidden]."""
        return cls(like[:0], torch.zeros(0, dtype=torch.long, device=like.device))

    def after(self, examples: Sequence[Example], unit: torch.Tensor, *, negatives: int, every: int) -> "Bank":
        """Gives the bank after a batch of its dataset, with states `unit` [example, hidden] at length 1."""
        bank = self._seeing(examples, unit)
        held = {example.id: bank._negatives_of(example.id, negatives, every) for example in examples}
        return replace(bank, held={**self.held, **held})

    def _seeing(self, examples: Sequence[Example], unit: torch.Tensor) -> "Bank":
        numbers, last = dict(self.numbers), {example.id: place for place, example in enumerate(examples)}
        new = {example.id: example for example in examples if example.id not in self.places}
        for example in new.values():
            numbers.setdefault(example.answer, len(numbers))
        labels = torch.tensor([numbers[example.answer] for example in new.values()], device=unit.device)
        places = {**self.places, **{name: len(self.places) + place for place, name in enumerate(new)}}
        states = torch.cat([self.states, unit.new_zeros(len(new), unit.shape[1])])
        states[[places[name] for name in last]] = unit[list(last.values())]
        return Bank(states, torch.cat([self.labels, labels.long()]), places, numbers, self.held, self.step + 1)

    def _negatives_of(self, name: str, negatives: int, every: int) -> Held:
        held = self.held.get(name)
        is_full = held is not None and len(held.places) == negatives
        if held and is_full and self.step - held.step < every:
            return held
        scores = self.states @ self.states[self.places[name]]  # [row]
        if held and is_full and not is_easy(_mean(scores, held.places), held.score):
            return replace(held, step=self.step)
        unlike = (self.labels != self.labels[self.places[name]]).nonzero()[:, 0]  # [unlike row]
        order = scores[unlike].argsort(descending=True, stable=True)[:negatives]
        places = tuple(unlike[order].tolist())
        return Held(places, _mean(scores, places), self.step)

    def beside(self, examples: Sequence[Example]) -> Beside:
        """Gives what the rows of a batch hold; all were seen."""
        at = [self.places[example.id] for example in examples]
        mine = [set(self.held[example.id].places).difference(at) for example in examples]
        used = sorted(set().union(*mine))
        holds = torch.tensor([[place in own for place in used] for own in mine], dtype=torch.bool)
        alike = self.labels[at][:, None] == self.labels[used][None]
        return Beside(self.states[used], holds.reshape(alike.shape).to(alike.device), alike)

    @property
    def nbytes(self) -> int:
        """What its states and labels take of memory."""
        return int(self.states.nbytes + self.labels.nbytes)


class Negatives:
    """The banks of a training's datasets that have this loss, by name.

    A bank is never changed but replaced, so that whoever has one keeps it as it is.
    """

    def __init__(self) -> None:
        self.banks: dict[str, Bank] = {}

    def see(self, examples: Sequence[Example], states: torch.Tensor, train: Train) -> None:
        """Takes in the rows of a step's batch that have this loss; `states` are [example, hidden], without slope."""
        mine: dict[str, list[int]] = {}
        for place, example in enumerate(examples):
            if train.loss_of(example.task) == "hard_negatives":
                mine.setdefault(example.task, []).append(place)
        for task, places in mine.items():
            unit = torch.nn.functional.normalize(states[places].detach().float(), dim=1)
            options = {key: int(train.options_of(task)[key]) for key in ("negatives", "every")}
            bank = self.banks.get(task, Bank.empty(unit))
            self.banks[task] = bank.after([examples[place] for place in places], unit, **options)

    def of(self, examples: Sequence[Example]) -> Beside:
        """Gives what the rows of one dataset in a batch hold; all were seen."""
        return self.banks[examples[0].task].beside(examples)


def _mean(scores: torch.Tensor, places: Sequence[int]) -> float:
    return float(scores[list(places)].mean()) if places else 0.0
