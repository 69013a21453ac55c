"""The contract of a curriculum: what it is told of a mixture, and the phases that it answers with.

A mixture and the size policy say how much is trained of each dataset, a curriculum says when. So phases are planned
before training starts, and nothing in the loop knows of them. A curriculum is a frozen dataclass of its options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Protocol, TypeAlias

from cotune.training.curriculum.pacing import Pace

Need: TypeAlias = Literal["several", "auxiliaries", "losses"]
"""`several`: it is of use only with two or more datasets; `auxiliaries`: only where a dataset is no target;
`losses` of the model as it is, on a sample of each task, are measured if asked for."""

TINY = 1e-9
"""A phase of less than this fraction of a training is none."""


@dataclass(frozen=True)
class Facts:
    """What is known of the tasks of a mixture.

    `targets` are those of them that are targets, `tokens` the sizes of their train splits, `wanted` the shares of the
    training tokens that mixture and size policy give them, and `shares` what a cap on epochs leaves of these.
    `losses` are mean losses of the model as it is, in nats per answer token; empty where they are not asked for.
    """

    targets: frozenset[str]
    tokens: Mapping[str, float]
    wanted: Mapping[str, float]
    shares: Mapping[str, float]
    losses: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """A part of a training: it ends at the fraction `until` of the budget, with `shares` of its tokens by task."""

    until: float
    shares: Mapping[str, float]


class Timetable(Protocol):
    """Says when each task is shown."""

    @property
    def needs(self) -> frozenset[Need]:
        """What must be there, or measured, for it."""
        ...

    @property
    def pacing(self) -> Pace | None:
        """How the rows of each task open, from those with the smallest loss of the model as it is; None: all at once.

        It asks for the losses of all rows of a trial.
        """
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The datasets that its options name."""
        ...

    def phases(self, facts: Facts) -> tuple[Phase, ...]:
        """Gives the phases for a mixture, the last until 1; their shares have no zeros and sum to 1 in each."""
        ...


@dataclass(frozen=True)
class Span:
    """Where on a line some of a task's tokens lie, spread evenly from `begin` to `end`; `amount` is how much of all."""

    begin: float
    end: float
    amount: float = 1.0

    def within(self, begin: float, end: float) -> float:
        """Gives how much of the task's tokens lies between two places that no span ends between."""
        inside = self.begin <= begin and end <= self.end
        return self.amount * (end - begin) / (self.end - self.begin) if inside else 0.0


def along(spans: Mapping[str, Sequence[Span]], shares: Mapping[str, float]) -> tuple[Phase, ...]:
    """Gives the phases in which tokens come in the order in which they lie on a line.

    The line has no scale of its own: a stretch takes as much of the training as tokens lie on it. Over all phases each
    task has its share, whatever the spans, if the amounts of its own sum to 1.

    >>> along({"a": [Span(0, 1)], "b": [Span(0.5, 1)]}, {"a": 0.5, "b": 0.5})[0]
    Phase(until=0.25, shares={'a': 1.0})
    """
    places = sorted({place for own in spans.values() for span in own for place in (span.begin, span.end)})
    found: list[Phase] = []
    done = 0.0
    for begin, end in pairwise(places):
        masses = {name: shares[name] * sum(span.within(begin, end) for span in own) for name, own in spans.items()}
        length = sum(masses.values())
        if length > TINY:
            done += length
            found.append(Phase(done, {name: mass / length for name, mass in masses.items() if mass > 0}))
    return (*found[:-1], Phase(1.0, found[-1].shares))
