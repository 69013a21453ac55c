"""The cost of a trial in seconds, from a few real steps."""

import time
from dataclasses import replace

from cotune.training.engine import Engine
from cotune.training.mix.references import Beforehand
from cotune.training.mixing import Plan
from cotune.training.rungs import gold_of, rungs
from cotune.trial import Request

BATCHES = 2
ROWS = 8


def measured_seconds(engine: Engine, request: Request, drawn: Plan) -> tuple[float, float]:
    """Gives the seconds of a trial of `request` on `drawn`, and what the first takes on top.

    It trains two batches and scores eight rows of each task, twice: the first time also fills the cache, if those rows
    are not in it yet. One batch and row before take what is slow because it comes first in a program. Where a learning
    curve is asked for, it reads losses once more, as a look does. Reference trainings count where they are made: with
    each trial, or with the first. Outputs that leave the gold answer early make a trial slower than this says; trials
    side by side, or stopped early, are faster.
    """
    scoring = engine.setup.scoring
    exams = engine.exams("dev", scoring.dev_rows)
    few = [replace(exam, rows=exam.rows[:ROWS], examples=exam.examples[:ROWS]) for exam in exams]
    sample = _sample(drawn)
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
    before = engine.beforehand(request, drawn)
    each = train * batches + score * rows
    if before.is_each:
        return each + len(before.requests) * train * batches + _reading(engine, before, sample), extra
    return each, extra + _alone(engine, before) + _reading(engine, before, sample)


def _alone(engine: Engine, before: Beforehand) -> float:
    """Gives the seconds of all trainings on one dataset, the filling of the cache included, from two batches of one."""
    plans = [engine.plan(request) for request in before.requests]
    if not plans:
        return 0.0
    sample = _sample(plans[0])
    both = [engine.rehearse(before.requests[0], sample, ())[0] for _ in range(2)]
    return max(both) / _tokens(sample) * sum(map(_tokens, plans))


def _reading(engine: Engine, before: Beforehand, sample: Plan) -> float:
    """Gives the seconds of reading the losses of rows, from those of a sample that is in the cache already."""
    if not before.rows:
        return 0.0
    started = time.perf_counter()
    engine.difficulty(sample.examples)
    seconds = time.perf_counter() - started
    return seconds / _tokens(sample) * sum(example.tokens for example in before.rows)


def _sample(drawn: Plan) -> Plan:
    return replace(drawn, batches=drawn.batches[:BATCHES])


def _tokens(drawn: Plan) -> int:
    return sum(example.tokens for example in drawn.examples)
