"""Mixing: which examples a trial trains on, in which batches, so that every task gets its share of the budget.

A share is a share of training tokens. Examples are drawn one by one for the task that is furthest behind its share, so
that at any moment each task has its share to within an example, and the order of a task's rows depends on the seed and
the task alone: two mixtures show a shared task's rows in the same order, which makes their difference less noisy.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from cotune.mixture import Mixture
from cotune.training.curriculum.contract import Phase
from cotune.training.curriculum.lessons import Lessons
from cotune.training.draws import draws, full_batches, order, without_rest
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.goal import Goal, Pool
from cotune.training.settings import Budget, SizePolicy, Train
from cotune.trial import Exposure, Request

MIXED = Lessons()
"""No curriculum: all tasks are mixed from the first batch to the last."""


@dataclass(frozen=True)
class Lesson:
    """A phase of a plan, and the training tokens of each task that fell into it."""

    phase: Phase
    tokens: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    """The batches of one trial, what they hold of each task, and in which phases.

    `weights` are the factors on the tasks' losses where the mixture's parts are these; else there are none.
    """

    batches: tuple[tuple[Example, ...], ...]
    exposure: Mapping[str, Exposure]
    lessons: tuple[Lesson, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)

    def under(self, train: Train) -> Train:
        """Gives the settings with the plan's own factors on the losses, if it has any."""
        return replace(train, weights=self.weights, parts_of="tokens") if self.weights else train

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples in the order of training."""
        return tuple(example for batch in self.batches for example in batch)


def plan(
    request: Request, pool: Pool, *, budget: Budget, policy: SizePolicy, train: Train, lessons: Lessons = MIXED
) -> Plan:
    """Gives the batches of `request`; `pool` holds the train examples of every task in its mixture.

    Raises:
        TrialError: a task of the mixture has no examples.
    """
    empty = sorted(name for name in request.mixture.names if not pool[name])
    if empty:
        raise TrialError(f"No train rows to use in {empty}: the split is empty, or every answer is over-long.")
    mine = {name: pool[name] for name in request.mixture.names}
    weights = request.mixture.to_json() if train.parts_of == "losses" else {}
    even = replace(request, mixture=Mixture.of(request.mixture.names))
    goal = Goal.of(even if weights else request, mine, budget, policy, train)
    phases = lessons.phases(goal, mine)

    def orders() -> dict[str, Iterator[Example]]:
        return {name: order(mine[name], request.seed, name) for name in mine}

    batches, told = _drawn(orders(), goal, phases, train)
    rows = lessons.rows(_by_task(batches, mine), request.seed)
    if rows is not None:
        # tokens fall elsewhere than before, so that a task may come to one row more: then one that was not drawn
        longer = {name: islice(rest, len(rows[name]), None) for name, rest in orders().items()}
        batches, told = _drawn({name: chain(rows[name], longer[name]) for name in mine}, goal, phases, train)
    return Plan(batches, exposure_of(batches, mine), told, weights)


def _drawn(
    rows: Mapping[str, Iterator[Example]], goal: Goal, phases: Sequence[Phase], train: Train
) -> tuple[tuple[tuple[Example, ...], ...], tuple[Lesson, ...]]:
    """Gives the batches, and what of each task falls into each phase."""
    tokens = [dict.fromkeys(phase.shares, 0) for phase in phases]

    def counted() -> Iterator[Sequence[Example]]:
        for number, examples in draws(rows, goal, phases, train):
            tokens[number][examples[0].task] += sum(example.tokens for example in examples)
            yield examples

    batches = without_rest(list(full_batches(counted(), train, most=goal.steps)))
    return batches, tuple(Lesson(phase, held) for phase, held in zip(phases, tokens, strict=True))


def _by_task(batches: Sequence[Sequence[Example]], names: Iterable[str]) -> dict[str, list[Example]]:
    """Gives the examples of each task in the order of training."""
    return {name: [example for batch in batches for example in batch if example.task == name] for name in names}


def exposed(drawn: Plan, steps: int, pool: Pool) -> Mapping[str, Exposure]:
    """Gives what the first `steps` batches of a plan hold of each task."""
    return drawn.exposure if steps >= len(drawn.batches) else exposure_of(drawn.batches[:steps], pool)


def exposure_of(batches: Sequence[Sequence[Example]], pool: Pool) -> dict[str, Exposure]:
    """Gives what batches hold of each task."""
    seen = [example for batch in batches for example in batch]
    return {
        name: Exposure(
            tokens=sum(example.tokens for example in seen if example.task == name),
            examples=sum(example.task == name for example in seen),
            epochs=sum(example.task == name for example in seen) / len(pool[name]),
            truncated=sum(example.truncated for example in seen if example.task == name),
        )
        for name in pool
    }
