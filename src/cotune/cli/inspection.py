"""What `cotune check` finds out before anything is spent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cotune.cli.balancing import check_rivals
from cotune.cli.errors import describe
from cotune.cli.opening import Opened
from cotune.cli.searching import planned
from cotune.config import OwnEvaluation, build_problem, build_sampler, evaluation
from cotune.config.build import Tell
from cotune.config.pool import load_entries, names_only, without_leaks
from cotune.problem import Problem
from cotune.task import Task
from cotune.tasks import lost_rows, render
from cotune.tasks.held_out import shared_with_test
from cotune.tasks.leaks import Leak, find_leaks
from cotune.tasks.statistics import Statistics, statistics
from cotune.training import Curriculum, FineTune
from cotune.training.mixing import Lesson
from cotune.trial import Exposure, Request, side_by_side

FEW_ROWS = 50
"""With fewer dev rows a target's score is too noisy to search on."""

LOST_SHOWN = 3
"""How many of the rows whose gold answer cannot be read back are named."""

REPEATED = 0.05
"""Share of repeated train rows from which it is worth a warning."""


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of one dataset, and its first train row as the model sees it.

    `lost` counts the rows whose gold answer cannot be read back from its text; `first_lost` are the ids of some.
    """

    name: str
    kind: str
    metric: str
    licence: str
    statistics: Statistics
    prompt: str
    answer: str
    lost: int
    first_lost: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """What the study will cost: fine-tunings, training tokens in all, seconds if they were measured.

    `references` are trainings beside those, for losses to compare with or teachers; their time is in the seconds.
    """

    fine_tunings: int
    tokens: int
    seconds: float | None
    references: int = 0


@dataclass(frozen=True)
class Inspection:
    """All that a check found: `errors` would end a run, `warnings` may mislead it.

    `shares` is what each dataset trains when all are in, `phases` in which order a curriculum shows it, `batch`
    how many fine-tunings are proposed together; they and `cost` need the model, so a user's own evaluation has none.
    """

    name: str
    targets: tuple[str, ...] = ()
    mixtures: int = 0
    datasets: tuple[DatasetFacts, ...] = ()
    leaks: tuple[str, ...] = ()
    shares: Mapping[str, Exposure] | None = None
    phases: tuple[Lesson, ...] = ()
    cost: Cost | None = None
    batch: int | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def inspect(opened: Opened, *, data: Path | None, cache: Path, measure: bool, tell: Tell | None = None) -> Inspection:
    """Checks data, leaks, lengths and cost of a study; with `measure` it trains a few examples to tell the time.

    `tell` is told how far fetching, loading and measuring are.

    Raises:
        ValueError: the study itself makes no sense, as an unknown target.
    """
    config = opened.config
    empty = Inspection(config.name)
    build_problem(config, names_only(config.datasets))
    build_sampler(config, opened.base)
    if config.evaluate is not None and all(isinstance(entry, Task) for entry in config.datasets):
        problem = build_problem(config, names_only(config.datasets))
        OwnEvaluation(config.evaluate, opened.base)()
        return replace(empty, targets=problem.targets, mixtures=problem.count())
    loaded, errors = _load(opened, data, tell)
    if errors:
        return replace(empty, errors=tuple(errors))
    leaks = find_leaks(loaded)
    problem = build_problem(config, loaded)
    found = replace(
        empty,
        targets=problem.targets,
        mixtures=problem.count(),
        datasets=tuple(_facts(task) for task in loaded),
        leaks=(*_leak_lines(leaks), *_held_out_lines(loaded)),
    )
    try:
        problem = build_problem(config, without_leaks(loaded, config.leaks, leaks))
    except ValueError as error:  # the leaks that a run would refuse are what a check is there to list
        return replace(found, errors=(str(error),))
    warnings = (*_thinned(loaded, problem.tasks), *_data_warnings(problem, config.scoring.dev_rows))
    found = replace(found, warnings=warnings)
    factory = evaluation(config, problem.tasks, folder=opened.base, cache=cache)
    if isinstance(factory, OwnEvaluation):
        factory()
        return found
    check_rivals(opened, problem.tasks, cache)
    trials = config.search.trials
    fine_tune = factory(tell)
    found = _with_cost(found, fine_tune, Request(problem.everything), trials, measure=measure)
    return replace(found, batch=planned(config).sized(side_by_side(fine_tune)).at_once)


def _load(opened: Opened, data: Path | None, tell: Tell | None) -> tuple[list[Task], list[str]]:
    tasks: list[Task] = []
    errors: list[str] = []
    for entry in opened.config.datasets:
        try:
            tasks += load_entries([entry], opened.base, data=data, progress=tell)
        except (OSError, ValueError) as error:
            errors.append(describe(error))
    return tasks, errors


def _facts(task: Task) -> DatasetFacts:
    rows = task.rows.get("train", ())
    shown = render(task, rows[0]) if rows else None
    prompt, answer = (shown.prompt, shown.completion.strip()) if shown else ("", "")
    lost = lost_rows(task)
    return DatasetFacts(
        task.name, task.kind, task.metric, task.licence, statistics(task), prompt, answer, len(lost), lost[:LOST_SHOWN]
    )


def _leak_lines(leaks: Iterable[Leak]) -> Iterator[str]:
    """Yields one line for each pair of datasets between which train rows leak."""
    pairs: dict[tuple[str, str, str, bool], set[str]] = {}
    for leak in leaks:
        pairs.setdefault((leak.train_task, leak.split, leak.other_task, leak.is_short), set()).add(leak.train_id)
    for (train, split, other, is_short), ids in pairs.items():
        note = " (under five words each: kept)" if is_short else ""
        yield f"{len(ids)} train rows of {train} stand in {split} of {other}{note}"


def _held_out_lines(tasks: Iterable[Task]) -> Iterator[str]:
    for task in tasks:
        shared = shared_with_test(task.rows)
        if shared:
            yield f"{len(shared)} dev rows of {task.name} stand in its own test, as {shared[0]}"


def _thinned(loaded: Iterable[Task], kept: Iterable[Task]) -> Iterator[str]:
    """Yields a line for each dataset that loses most of its train rows because they leak."""
    for whole, left in zip(loaded, kept, strict=True):
        before, after = (len(task.rows.get("train", ())) for task in (whole, left))
        if 2 * after < before:
            yield f"{after} of {before} train rows of {whole.name!r} are left; the others stand in dev or test rows."


def _data_warnings(problem: Problem, dev_rows: int | None) -> Iterator[str]:
    if len(problem.tasks) == 1:
        yield "The pool has one dataset, so there is nothing to choose."
    for task in problem.tasks:
        if task.name in problem.targets:
            yield from _target_warnings(task, dev_rows)
        elif task.name in problem.keep and (rows := _scored_rows(task, dev_rows)) < FEW_ROWS:
            yield f"Dataset {task.name!r}, to be kept, is scored on {rows} dev rows; under {FEW_ROWS} it is noisy."
        rows, repeated = len(task.rows.get("train", ())), statistics(task).duplicates
        if repeated > REPEATED * rows:
            yield f"{repeated} of {rows} train rows of {task.name!r} repeat an earlier row."


def _target_warnings(task: Task, dev_rows: int | None) -> Iterator[str]:
    test, scored = len(task.rows.get("test", ())), _scored_rows(task, dev_rows)
    if scored < FEW_ROWS:
        yield f"Target {task.name!r} is scored on {scored} dev rows; with fewer than {FEW_ROWS} its score is noisy."
    if not test:
        yield f"Target {task.name!r} has no test rows, so `cotune train` has nothing to report on."


def _scored_rows(task: Task, dev_rows: int | None) -> int:
    there = len(task.rows.get("dev", ()))
    return min(there, dev_rows or there)


def _with_cost(found: Inspection, fine_tune: FineTune, request: Request, trials: int, *, measure: bool) -> Inspection:
    """Adds what needs the model: shares, cost of all `trials` and its advice."""
    one = fine_tune.estimate(request, measure=measure)
    drawn = fine_tune.engine.plan(request)
    seconds = None if one.seconds is None else one.seconds * trials + (one.first_seconds or 0.0)
    return replace(
        found,
        shares=dict(drawn.exposure),
        phases=drawn.lessons if fine_tune.setup.train.curriculum != Curriculum() else (),
        cost=Cost(trials, one.tokens * trials, seconds, one.references * trials + one.first_references),
        warnings=(*found.warnings, *fine_tune.warnings()),
    )
