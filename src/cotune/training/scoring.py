"""Scoring: a task's rows through a trained model, to a loss, a metric, and both for every example."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np

from cotune.tally import tally_score
from cotune.task import Row, Split, Task
from cotune.tasks import metrics_of, parse, tallies
from cotune.training.decoder import Decoder, Generation, Reading
from cotune.training.encode import Encoder
from cotune.training.errors import TrialError
from cotune.training.example import Example
from cotune.training.likelihood import choices, read_labels
from cotune.training.settings import Scoring
from cotune.trial import ExampleResults, TaskResult

LONGEST_OUTPUT = 128


@dataclass(frozen=True)
class Exam:
    """The rows of one task that a model is scored on, as examples, and how.

    `way` is "loss" (no metric), "generation" with outputs of at most `cap` tokens, or "likelihood" of `labels`.
    """

    task: Task
    rows: tuple[Row, ...]
    examples: tuple[Example, ...]
    way: Literal["loss", "generation", "likelihood"]
    cap: int = 0
    labels: tuple[tuple[int, ...], ...] = ()

    @property
    def read(self) -> tuple[Example, ...]:
        """What the model reads: the rows with their gold answers, and with all labels where these are compared."""
        if self.way != "likelihood":
            return self.examples
        return tuple(choice for example in self.examples for choice in choices(example, self.labels))


def drawn_rows(task: Task, split: Split, *, count: int | None, seed: int) -> tuple[Row, ...]:
    """Gives `count` rows of a split in their order there, drawn by `seed` and the task's name; None gives all.

    A larger count holds the rows of a smaller one.
    """
    rows = tuple(task.rows.get(split, ()))
    if count is None or count >= len(rows):
        return rows
    rng = np.random.default_rng([seed, int.from_bytes(sha256(task.name.encode()).digest()[:8])])
    return tuple(rows[index] for index in sorted(rng.permutation(len(rows))[:count]))


def longest_output(answer_tokens: Sequence[int], scoring: Scoring) -> int:
    """Gives the cap on an output: the setting, else the longest gold answer with its end, at most 128 tokens."""
    if scoring.max_new_tokens is not None:
        return scoring.max_new_tokens
    return min(max(answer_tokens, default=1), LONGEST_OUTPUT)


def sit(exam: Exam, decoder: Decoder, encoder: Encoder, *, limit: int, rows: int) -> TaskResult:
    """Gives the result of one exam; packs hold about `limit` tokens, outputs are made `rows` together.

    Raises:
        TrialError: a loss is not finite; names the task.
    """
    return marked(exam, _read(exam, decoder, encoder, limit=limit, rows=rows), encoder)


def marked(exam: Exam, readings: Sequence[Reading], encoder: Encoder) -> TaskResult:
    """Gives the result of one exam from what a model made of its rows.

    Raises:
        TrialError: a loss is not finite; names the task.
    """
    losses = tuple(float(reading.losses.sum()) for reading in readings)
    bad = [row.id for row, loss in zip(exam.rows, losses, strict=True) if not math.isfinite(loss)]
    if bad:
        raise TrialError(f"diverged: the loss of {exam.task.name!r} is not finite on {len(bad)} rows, first {bad[0]!r}")
    counts = tuple(len(reading.losses) for reading in readings)
    outputs = () if exam.way == "loss" else tuple(encoder.decode(reading.output) for reading in readings)
    examples = ExampleResults(tuple(row.id for row in exam.rows), (), losses, counts, outputs)
    return _graded(exam, examples, sum(losses) / sum(counts))


def _read(exam: Exam, decoder: Decoder, encoder: Encoder, *, limit: int, rows: int) -> list[Reading]:
    if exam.way == "likelihood":
        return read_labels(decoder, exam.examples, exam.labels, limit=limit)
    generation = Generation(encoder.end, exam.cap, rows) if exam.way == "generation" else None
    return decoder.read(exam.examples, limit=limit, generation=generation)


def _graded(exam: Exam, results: ExampleResults, loss: float) -> TaskResult:
    """Gives the result with its metrics: the task's own as the score, the others of its kind beside it."""
    if exam.way == "loss":
        return TaskResult(loss=loss, examples=results)
    task = exam.task
    predictions = [parse(task, row, output) for row, output in zip(exam.rows, results.outputs, strict=True)]
    pairs = list(zip(exam.rows, predictions, strict=True))
    metrics = {
        name: tally_score([tallies(task, row, prediction, name) for row, prediction in pairs])
        for name in metrics_of(task.kind)
    }
    own = tuple(tuple(tallies(task, row, prediction)) for row, prediction in pairs)
    return TaskResult(
        score=tally_score(own),
        loss=loss,
        metrics=metrics,
        malformed=sum(prediction.malformed for prediction in predictions),
        examples=ExampleResults(results.ids, own, results.losses, results.answer_tokens, results.outputs),
    )
