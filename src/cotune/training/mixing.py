"""Mixing: which examples a trial trains on, in which batches, so that every task gets its share of the budget.

A share is a share of training tokens. Examples are drawn one by one for the task that is furthest behind its share, so
that at any moment each task has its share to within an example, and the order of a task's rows depends on the seed and
the task alone: two mixtures show a shared task's rows in the same order, which makes their difference less noisy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cotune.training.draws import draws, full_batches, order, without_rest
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.goal import Goal, Pool
from cotune.training.settings import Budget, SizePolicy, Train
from cotune.trial import Exposure, Request


@dataclass(frozen=True)
class Plan:
    """The batches of one trial, and what they hold of each task."""

    batches: tuple[tuple[Example, ...], ...]
    exposure: Mapping[str, Exposure]

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples in the order of training."""
        return tuple(example for batch in self.batches for example in batch)


def plan(request: Request, pool: Pool, *, budget: Budget, policy: SizePolicy, train: Train) -> Plan:
    """Gives the batches of `request`; `pool` holds the train examples of every task in its mixture.

    Raises:
        TrialError: a task of the mixture has no examples.
    """
    empty = sorted(name for name in request.mixture.names if not pool[name])
    if empty:
        raise TrialError(f"No train rows to use in {empty}: the split is empty, or every answer is over-long.")
    mine = {name: pool[name] for name in request.mixture.names}
    goal = Goal.of(request, mine, budget, policy, train)
    rows = {name: order(mine[name], request.seed, name) for name in mine}
    batches = without_rest(list(full_batches(draws(rows, goal, train), goal, train)))
    return Plan(batches, _exposure(batches, mine))


def exposed(drawn: Plan, steps: int, pool: Pool) -> Mapping[str, Exposure]:
    """Gives what the first `steps` batches of a plan hold of each task."""
    return drawn.exposure if steps >= len(drawn.batches) else _exposure(drawn.batches[:steps], pool)


def _exposure(batches: Sequence[Sequence[Example]], pool: Pool) -> dict[str, Exposure]:
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
