"""Rendering: a row becomes a prompt and a completion, and a model's output becomes an answer again."""

from typing import NamedTuple

from cotune.task import Answer, Row, Task
from cotune.tasks.kinds import FORMATS
from cotune.tasks.kinds.format import AnswerError
from cotune.tasks.labels import label_text
from cotune.tasks.template import fill


class Rendered(NamedTuple):
    """One row as text: as chat turns before the answer, and as plain text with the answer after one space."""

    messages: tuple[tuple[str, str], ...]
    prompt: str
    completion: str


class Prediction(NamedTuple):
    """What a model's output says; a malformed one has an empty answer and scores zero."""

    answer: Answer
    malformed: bool = False


def render(task: Task, row: Row) -> Rendered:
    """Gives a row as text.

    The prompt ends where the answer begins, without white space; the completion is one space and the answer. A chat's
    earlier turns are kept as they are; its plain prompt names the role of each turn.
    """
    values = {**row.fields, "labels": ", ".join(label_text(task.labels, label) for label in task.labels)}
    instruction = fill(task.template.instruction, values).strip()
    completion = " " + FORMATS[task.kind].write(task, row)
    if row.messages:
        turns = ((("system", instruction),) if instruction else ()) + tuple(row.messages)
        lines = [f"{role.capitalize()}: {content}" for role, content in turns]
        return Rendered(turns, "\n".join([*lines, "Assistant:"]), completion)
    prompt = "\n".join(filter(None, [instruction, fill(task.template.prompt, values).strip()]))
    return Rendered((("user", prompt),), prompt, completion)


def parse(task: Task, row: Row, output: str) -> Prediction:
    """Gives the answer that a model's output says; whatever does not follow the format is malformed, never an error."""
    try:
        return Prediction(FORMATS[task.kind].parse(task, row, output))
    except AnswerError:
        return Prediction("" if isinstance(row.answer, str) else (), malformed=True)


def lost_rows(task: Task) -> tuple[str, ...]:
    """Gives the ids of the rows whose gold answer does not come back when it is rendered and parsed.

    What gets lost: an entity after an unmarked equal string, and the second of two entities on one span. No model can
    score such a row in full.
    """
    rows = (row for part in task.rows.values() for row in part)
    return tuple(row.id for row in rows if parse(task, row, render(task, row).completion) != (row.answer, False))


def candidates(task: Task) -> tuple[str, ...]:
    """Gives the label texts of a classification task, in the order of its labels; none for other kinds.

    Each is a whole answer: the likelihoods of `" " + text` after the prompt rank the labels.
    """
    if task.kind not in ("classification", "pair_classification"):
        return ()
    return tuple(label_text(task.labels, label) for label in task.labels)
