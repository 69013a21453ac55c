"""Monitoring: new rows of a dataset seen and scored as a final training saw and scored its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.drift import Sample
from cotune.mixture import Mixture
from cotune.task import Split, Task
from cotune.tasks.batch import Batch
from cotune.training.baseline import Baseline, bare, reading_of
from cotune.training.fine_tune import FineTune
from cotune.training.settings import Budget, Lora, Scoring, Train
from cotune.training.watch import is_classification, sampled, see
from cotune.trial import Progress, Request, TaskResult

if TYPE_CHECKING:
    from cotune.training.engine import Engine
    from cotune.training.lora import State

ALL: Split = "dev"
SCORED: Split = "test"
"""Splits that stand for all new rows, and for those that the trained model has to see."""


def baselines_of(
    fine_tune: FineTune, split: Split, model: str, columns: Mapping[str, Mapping[str, str]]
) -> Callable[[Mapping[str, TaskResult]], list[Baseline]]:
    """Gives what makes the baselines of an adapter from its results on a split, of the datasets that got a score.

    What the base model sees of the rows is read here, once for all adapters, and before any is scored, so that a
    failure costs no reading of test.

    Raises:
        TrialError: it runs out of memory.
    """
    engine = fine_tune.engine
    exams = [exam for exam in engine.exams(split, None) if exam.way != "loss"]
    views = [(exam, see(engine, exam)) for exam in exams]
    reading = reading_of(engine, model)

    def make(results: Mapping[str, TaskResult]) -> list[Baseline]:
        return [
            Baseline(
                reading,
                bare(exam.task),
                dict(columns.get(exam.task.name, {})),
                split,
                engine.setup.train.length_of(exam.task.name),
                exam.cap,
                seen.common,
                sampled(exam.task, seen, exam.rows, results[exam.task.name], [True] * len(exam.rows)),
            )
            for exam, seen in views
        ]

    return make


def measure(
    baseline: Baseline,
    batches: Sequence[Batch],
    adapter: Path,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> list[Sample]:
    """Gives the sample of each batch of rows: what the base model sees, and labels and scores of an adapter's folder.

    The model is loaded once, as it was for the baseline. The adapter is needed for the labels of a classification, and
    for rows with answers. Cost: a pass over at most 1,000 prompts of each batch, and an output for each row that needs
    the adapter.

    Raises:
        FileNotFoundError: the adapter's weights are not there.
        ValueError: the model cannot be loaded, or is another one.
        TrialError: it runs out of memory.
    """
    asked = [_asked(baseline.task, batch, number) for number, batch in enumerate(batches)]
    scored = [one for one in asked if one.answered]
    state = _state(adapter, baseline.reading.lora) if scored else None
    engine = _engine(_fine_tuning(baseline, [one.task for one in asked], [one.task.name for one in scored], progress))
    if engine.model.fingerprint != baseline.reading.fingerprint:
        raise ValueError(
            f"The model {baseline.reading.model!r} is not the one that the adapter was trained on: its weights, "
            "configuration or vocabulary are others. Name the right one with --model."
        )
    seen = {exam.task.name: see(engine, exam, common=baseline.common) for exam in engine.exams(ALL, None)}
    results = {} if state is None else _scored(engine, baseline.task.name, state)
    return [
        sampled(one.task, seen[one.task.name], one.task.rows[SCORED], results.get(one.task.name), one.answered)
        for one in asked
    ]


@dataclass(frozen=True)
class _Asked:
    """A batch as a task of its own; `answered` has a word on each row that the trained model has to see."""

    task: Task
    answered: tuple[bool, ...]


def _asked(task: Task, batch: Batch, number: int) -> _Asked:
    pairs = list(zip(batch.rows, batch.answered, strict=True))
    scored = [(row, has) for row, has in pairs if has or is_classification(task)]
    rows = {ALL: batch.rows, SCORED: tuple(row for row, _ in scored)}
    name = f"{task.name}-{number}" if number else task.name
    return _Asked(replace(task, name=name, rows=rows), tuple(has for _, has in scored))


def _engine(fine_tune: FineTune) -> "Engine":
    try:
        return fine_tune.engine
    except ValueError as error:
        raise ValueError(f"{error} Where the model lies elsewhere by now, say so with --model.") from None


def _fine_tuning(
    baseline: Baseline, tasks: Sequence[Task], scored: Sequence[str], progress: Callable[[Progress], None] | None
) -> FineTune:
    reading = baseline.reading
    train = Train(
        max_length=baseline.max_length,
        prompt_style=reading.prompt_style,  # type: ignore[arg-type]
        dtype=reading.dtype,  # type: ignore[arg-type]
        load_in_4bit=reading.bits == 4,
        load_in_8bit=reading.bits == 8,
    )
    scoring = Scoring(
        dev_rows=None,
        classify=reading.classify,  # type: ignore[arg-type]
        max_new_tokens=baseline.cap or 1,  # likelihoods need no output
    )
    return FineTune(
        reading.model,
        tasks,
        targets=scored or [baseline.task.name],
        budget=Budget(steps=1),
        lora=replace(reading.lora, dropout=0.0),
        train=train,
        scoring=scoring,
        progress=progress,
    )


def _state(folder: Path, lora: Lora) -> "State":
    from cotune.training.saved import load_state

    return load_state(folder, lora)


def _scored(engine: "Engine", name: str, state: "State") -> dict[str, TaskResult]:
    from cotune.training.adapter import Adapter

    adapter = Adapter(Request(Mixture.of([name])), state, {}, (), 0.0, engine.model, engine.setup.lora)
    return engine.score(adapter, SCORED, None)
