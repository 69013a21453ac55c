"""The lines of a report's tables, one for each trial, dataset, share or step of the search."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting.report import DatasetLine, Share, State, Step, TrialLine
from cotune.task import Task
from cotune.trial import Record, Trial
from cotune.verdict.floors import floors, is_judgeable, keeps
from cotune.verdict.front import Front
from cotune.verdict.noise import scored
from cotune.verdict.wording import title

ROOM = 90
"""Characters for a mixture's name in a table."""


def trial_line(
    problem: Problem, record: Record, winner: Mixture | None = None, front: Front | None = None
) -> TrialLine:
    """Gives the line of one record, pending and failed ones included."""
    beaten = {line.mixture for line in front.lines if line.is_dominated} if front else set()
    trial, request = record.trial, record.request
    parts = request.mixture.to_json()
    results = {name: trial.results[name] for name in problem.targets if name in trial.results} if trial else {}
    scores = {name: result.score for name, result in results.items() if result.score is not None}
    losses = [result.loss for result in results.values() if result.loss is not None]
    is_scored = trial is not None and trial.is_finished and len(scores) == len(problem.targets)
    state: State = "pending" if trial is None else "done" if trial.is_finished else "failed"
    return TrialLine(
        number=record.number,
        mixture=title(problem, request.mixture, room=ROOM),
        parts=tuple(parts.get(name, 0) for name in problem.names),
        reason=record.proposal.reason,
        seed=request.seed,
        fidelity=request.fidelity * (trial.reached if trial else 1.0),
        state=state,
        is_winner=request.mixture == winner,
        is_dominated=request.mixture in beaten,
        value=problem.value(trial) if trial and is_scored else None,
        scores=scores,
        loss=fmean(losses) if losses else None,
        predicted=record.proposal.mean,
        predicted_sd=record.proposal.sd,
        tokens=trial.tokens if trial else 0,
        seconds=trial.seconds if trial else 0.0,
        device=trial.device if trial else "",
        malformed=sum(result.malformed for result in results.values()),
        error=trial.error if trial else None,
    )


def curve(problem: Problem, records: Sequence[Record]) -> Iterable[Step]:
    """Yields the best objective observed after each fine-tuning; failures cost too, the base model does not count.

    Nor does a trial that loses what is to be kept.
    """
    known = [record.trial for record in records if record.trial is not None]
    least = floors(problem, known) if is_judgeable(problem, known) else {}
    best, leader, tokens, seconds, count = None, "", 0, 0.0, 0
    for record in records:
        trial = record.trial
        if trial is None or not len(record.request.mixture):
            continue
        count += max(record.attempts, 1)
        tokens, seconds = tokens + trial.tokens, seconds + trial.seconds
        value = problem.value(trial) if scored(problem, [trial]) else None
        if value is not None and keeps(trial, least) and (best is None or value > best):
            best, leader = value, title(problem, record.request.mixture, room=ROOM)
        if best is not None:
            yield Step(count, tokens, seconds, best, leader, value, record.proposal.mean)


def share_lines(problem: Problem, trials: Sequence[Trial], mixtures: Sequence[Mixture]) -> Iterable[Share]:
    """Yields what each of the mixtures trained of each of its datasets, as its first finished trial measured it."""
    for mixture in mixtures:
        runs = [trial for trial in scored(problem, trials) if trial.request.mixture == mixture and trial.tokens]
        for name, exposure in runs[0].exposure.items() if runs else ():
            share = exposure.tokens / runs[0].tokens
            yield Share(title(problem, mixture), name, share, exposure.tokens, exposure.epochs)


def dataset_lines(problem: Problem, similarity: Mapping[str, float]) -> Iterable[DatasetLine]:
    """Yields the line of each dataset of the pool."""
    for task in problem.tasks:
        yield _dataset(problem, task, similarity.get(task.name))


def _dataset(problem: Problem, task: Task, similarity: float | None) -> DatasetLine:
    is_required = task.name in problem.required
    is_kept: Literal["keep", ""] = "keep" if task.name in problem.keep else ""
    return DatasetLine(
        name=task.name,
        role="target" if task.name in problem.targets else "required" if is_required else is_kept,
        kind=task.kind,
        metric=task.metric,
        rows={split: len(rows) for split, rows in task.rows.items()},
        licence=task.licence,
        source=task.source,
        fingerprint=task.fingerprint,
        similarity=similarity,
    )
