"""Scoring a stack: all trials sit an exam together, and each gets its own result."""

from cotune.training.decoder import Generation, Reading
from cotune.training.encode import Encoder
from cotune.training.errors import TrialError
from cotune.training.likelihood import most_likely
from cotune.training.scoring import Exam, marked
from cotune.training.together.decoder import StackDecoder
from cotune.trial import TaskResult


def sit(exam: Exam, decoder: StackDecoder, encoder: Encoder, *, limit: int, rows: int) -> list[TaskResult | TrialError]:
    """Gives each trial's result, [trial], or why it has none; `limit` and `rows` as for a trial alone."""
    generation = Generation(encoder.end, exam.cap, rows) if exam.way == "generation" else None
    read = decoder.read(exam.read, limit=limit, generation=generation)
    return [_marked(exam, mine, encoder) for mine in read]


def _marked(exam: Exam, readings: list[Reading], encoder: Encoder) -> TaskResult | TrialError:
    if exam.way == "likelihood":
        readings = most_likely(exam.examples, exam.labels, readings)
    try:
        return marked(exam, readings, encoder)
    except TrialError as error:
        return error
