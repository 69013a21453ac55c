"""The rows of the work as tokens: what a trainer that has no planning and templates of its own is handed ready-made."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from benchmarks.engine.tasks import tasks_of
from benchmarks.engine.work import Work
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.exams import exams_of
from cotune.training.mixing import plan
from cotune.training.settings import SizePolicy
from cotune.training.setup import Setup


@dataclass(frozen=True)
class Prepared:
    """The rows of each request in the order of training, and the dev rows that all are scored on."""

    train: tuple[tuple[Example, ...], ...]  # [request][row]
    dev: tuple[Example, ...]


def setup_of(work: Work) -> Setup:
    """Gives the setup of a fine-tuning that does the work, without a cache between processes."""
    tasks = tuple(tasks_of(work))
    targets = (tasks[0].name,)
    return Setup(work.model, tasks, targets, work.budget, SizePolicy(), work.lora, work.train, work.scoring, None)


def prepare(work: Work, tokenizer: PreTrainedTokenizerBase) -> Prepared:
    """Gives the rows that cotune's own plan draws for each request.

    Raises:
        ValueError: a batch does not have the size that was asked for.
    """
    setup, encoder = setup_of(work), Encoder(tokenizer)
    pool = {
        task.name: encoder.examples(task, list(task.rows["train"]), max_length=work.max_length) for task in setup.tasks
    }
    drawn = [
        plan(request, pool, budget=setup.budget, policy=setup.size_policy, train=setup.train)
        for request in work.requests
    ]
    if {len(batch) for each in drawn for batch in each.batches} != {work.batch}:
        raise ValueError(f"The plan has batches of other sizes than {work.batch} rows; give the work other settings.")
    exams = exams_of(setup, encoder, "dev", count=work.scoring.dev_rows)
    return Prepared(
        tuple(each.examples for each in drawn), tuple(example for exam in exams for example in exam.examples)
    )
