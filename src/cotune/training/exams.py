"""Exams: what is scored after each training, prepared once."""

from cotune.task import Split, Task
from cotune.training.encode import Encoder
from cotune.training.scoring import Exam, drawn_rows, longest_output
from cotune.training.setup import Setup


def exams_of(setup: Setup, encoder: Encoder, split: Split, *, count: int | None) -> list[Exam]:
    """Gives the exam of each task that has rows in `split`, on `count` of them (None: all).

    Raises:
        ValueError: a task that is to get its metric has no rows there.
    """
    missing = [task.name for task in setup.tasks if task.name in setup.measured and not task.rows.get(split)]
    if missing:
        raise ValueError(f"No {split} rows in {missing}, which are to be scored on that split.")
    return [_exam(task, setup, encoder, split, count) for task in setup.tasks if task.rows.get(split)]


def _exam(task: Task, setup: Setup, encoder: Encoder, split: Split, count: int | None) -> Exam:
    if task.name not in setup.measured and split == "dev":
        count = setup.scoring.loss_rows or count
    rows = drawn_rows(task, split, count=count, seed=setup.scoring.row_seed)
    max_length = setup.train.length_of(task.name)
    examples = encoder.examples(task, rows, max_length=max_length, keep_all=True)
    if task.name not in setup.measured:
        return Exam(task, rows, tuple(examples), "loss")
    labels = encoder.labels(task)
    if setup.scoring.classify == "likelihood" and labels:
        return Exam(task, rows, tuple(examples), "likelihood", labels=tuple(labels))
    known = [*task.rows.get("train", ()), *task.rows.get("dev", ())]  # an output's cap must not hang on test rows
    cap = longest_output(encoder.answer_lengths(task, known), setup.scoring)
    return Exam(task, rows, tuple(examples), "generation", cap)
