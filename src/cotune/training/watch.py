"""Watching: what of some rows is compared with later ones, as the base model and a trained adapter see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cotune.drift import Sample
from cotune.task import Row, Task
from cotune.tasks import parse
from cotune.tasks.grouping import row_texts
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.trial import TaskResult

if TYPE_CHECKING:
    from cotune.training.engine import Engine
    from cotune.training.scoring import Exam

MOST_STATES = 1_000
"""Rows whose states are compared: the test takes time and memory by the square of their number."""


@dataclass(frozen=True)
class Seen:
    """What the base model sees of rows: words of each, mean states of some [row, hidden].

    `common` is how many leading tokens of a prompt its dataset's rows have in common; they are left out of the states.
    """

    words: tuple[int, ...]
    states: NDArray[np.float32]
    common: int


def see(engine: "Engine", exam: "Exam", *, common: int | None = None, seed: int = 0) -> Seen:
    """Gives what the base model sees of an exam's rows; `common` is that of the rows that they are compared with.

    Prompts are cut as if no row had an answer: an over-long one keeps as much, whether its answer is there or not.

    Cost: a pass over the prompts of at most 1,000 rows, drawn by `seed`.

    Raises:
        TrialError: it runs out of memory, or states are not finite.
    """
    longest = engine.setup.train.length_of(exam.task.name)
    examples = engine.encoder.unanswered(exam.task, exam.rows, max_length=longest)
    shared = examples[0].own.start if common is None else common
    drawn = np.random.default_rng(seed).permutation(len(examples))[:MOST_STATES]
    prompts = [_cut(examples[place], shared) for place in sorted(drawn)]
    words = tuple(sum(len(text.split()) for text in row_texts(row)) for row in exam.rows)
    states = engine.states(prompts).numpy()
    if not np.isfinite(states).all():
        raise TrialError(f"diverged: the model's states on rows of {exam.task.name!r} are not finite; use float32")
    return Seen(words, states, shared)


def sampled(task: Task, seen: Seen, rows: Sequence[Row], result: TaskResult | None, answered: Sequence[bool]) -> Sample:
    """Gives the sample of rows that were seen, and scored as `result` says; only `answered` ones count in the score.

    `rows` are those that were scored, `answered` has a word on each of them.
    """
    if result is None:
        return Sample(seen.words, seen.states.astype(np.float64))
    examples = result.examples
    tallies = tuple(tally for tally, has_answer in zip(examples.tallies, answered, strict=True) if has_answer)
    pairs = zip(rows, examples.outputs, strict=True)
    labels = tuple(str(parse(task, row, output).answer) for row, output in pairs) if is_classification(task) else ()
    return Sample(seen.words, seen.states.astype(np.float64), labels, tallies)


def is_classification(task: Task) -> bool:
    """Tells whether a task's answers are labels, whose rates can be compared."""
    return task.kind in ("classification", "pair_classification")


def _cut(example: Example, common: int) -> Example:
    return replace(example, cuts=(min(common, len(example.prompt) - 1),))
