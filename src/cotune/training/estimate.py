"""The cost of a trial in seconds, from a few real steps."""

from dataclasses import replace

from cotune.training.engine import Engine
from cotune.training.mixing import Plan
from cotune.training.rungs import gold_of, rungs
from cotune.trial import Request

BATCHES = 2
ROWS = 8


def measured_seconds(engine: Engine, request: Request, drawn: Plan) -> tuple[float, float]:
    """Gives the seconds of a trial of `request` on `drawn`, and what the first takes on top to fill the cache.

    It trains two batches and scores eight rows of each task, twice: the first time also fills the cache, if those rows
    are not in it yet. One batch and row before take what is slow because it comes first in a program. Where a learning
    curve is asked for, it reads losses once more, as a look does. Outputs that leave the gold answer early make a trial
    slower than this says; trials side by side, or stopped early, are faster.
    """
    scoring = engine.setup.scoring
    exams = engine.exams("dev", scoring.dev_rows)
    few = [replace(exam, rows=exam.rows[:ROWS], examples=exam.examples[:ROWS]) for exam in exams]
    sample = replace(drawn, batches=drawn.batches[:BATCHES])
    batches = len(drawn.batches) / len(sample.batches)
    rows = sum(len(exam.rows) for exam in exams) / sum(len(exam.rows) for exam in few)
    one = [replace(exam, rows=exam.rows[-1:], examples=exam.examples[-1:]) for exam in exams]
    engine.rehearse(request, replace(drawn, batches=drawn.batches[-1:]), one)
    first_train, first_score = engine.rehearse(request, sample, few)
    train, score = engine.rehearse(request, sample, few)
    extra = max(first_train - train, 0.0) * batches + max(first_score - score, 0.0) * rows
    if looks := len(rungs(request, len(drawn.batches), scoring.curve)):
        gold = [replace(exam, way="loss", examples=tuple(gold_of(exam))) for exam in few]
        _, look = engine.rehearse(request, sample, gold)
        score += looks * look
    return train * batches + score * rows, extra
