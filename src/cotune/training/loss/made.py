"""The stakes of a dataset, from its labels or from the numbers or confidences of its train rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cotune.task import Task
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.loss.choice import BY_STAKES
from cotune.training.loss.cost_sensitive import cost_stakes
from cotune.training.loss.fitting import HAVING_LABELS, confidences_of, number_of
from cotune.training.loss.numeric_mae import numeric_stakes
from cotune.training.loss.preference import sure_stakes
from cotune.training.loss.scoreq import graded_stakes
from cotune.training.loss.stakes import Stakes
from cotune.training.settings import Train


def stakes_of(task: Task, examples: Sequence[Example], encoder: Encoder, train: Train) -> Stakes | None:
    """Gives the stakes of a task with its train rows as `examples`; None where its loss has none.

    Raises:
        ValueError: the loss is one of numbers, and the rows have too many distinct numbers.
    """
    loss = train.loss_of(task.name)
    if loss not in BY_STAKES:
        return None
    if loss == "preference":
        return sure_stakes(confidences_of(task))
    if loss == "cost_sensitive" or (loss == "judged" and task.kind in HAVING_LABELS):
        return cost_stakes(task.labels, encoder.labels(task), train.of(task.name).costs)
    numbers = {row.id: number_of(row.answer) for row in task.rows.get("train", ())}
    known = [(example.answer, number) for example in examples if (number := numbers[example.id]) is not None]
    answers, values = [answer for answer, _ in known], [number for _, number in known]
    if loss in ("scoreq", "judged"):
        return graded_stakes(answers, values, loss=loss)
    return numeric_stakes(answers, values, **train.options_of(task.name))


@dataclass
class StakesByTask:
    """Gives the stakes of tasks by name, each made once; tasks whose losses have none are left out."""

    tasks: Sequence[Task]
    pool: Callable[[Sequence[str]], Mapping[str, Sequence[Example]]]
    encoder: Encoder
    train: Train
    _made: dict[str, Stakes | None] = field(default_factory=dict)

    def __call__(self, names: Sequence[str]) -> dict[str, Stakes]:
        """Gives those of the tasks `names`."""
        for task in self.tasks:
            if task.name in names and task.name not in self._made:
                self._made[task.name] = stakes_of(task, self.pool([task.name])[task.name], self.encoder, self.train)
        return {name: stakes for name in names if (stakes := self._made[name]) is not None}
