"""Guesses: the likeliest label of rows, by a model that may carry a trained adapter."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cotune.task import Row, Task
from cotune.tasks.pseudolabels import Guess
from cotune.training.elements import TOGETHER, Asker


def guess(
    asker: Asker, task: Task, rows: Sequence[Row], *, tell: Callable[[int], None] = lambda _: None
) -> list[Guess]:
    """Gives the likeliest label of each row, of equal ones the first; `tell` is told how many rows are done.

    Probabilities are those by which a classification is scored: the softmax over its labels of the likelihood of the
    label with the end of the answer. A row's own answer is not looked at, not even its length. Source: Lee (2013),
    "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", the class of
    maximum predicted probability.

    Cost: a reading of all labels for each row.

    Raises:
        ValueError: a likelihood is not finite.
        TrialError: memory runs out even in the smallest packs.
    """
    guesses: list[Guess] = []
    for start in range(0, len(rows), TOGETHER):
        some = rows[start : start + TOGETHER]
        likely = asker.labels(task, [replace(row, answer=task.labels[0]) for row in some])  # [row, label]
        best = zip(some, likely.argmax(dim=1).tolist(), likely.amax(dim=1).tolist(), strict=True)
        guesses += [Guess(row, task.labels[place], sureness) for row, place, sureness in best]
        tell(len(guesses))
    return guesses
