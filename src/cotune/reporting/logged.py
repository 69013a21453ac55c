"""What a report reads from a study's log, and the log entry of a reading of the test split."""

from collections.abc import Mapping, Sequence
from typing import cast

from cotune.journal import LogEntry
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.reporting.report import FinalLead, FinalScore
from cotune.study.alarms import Alarm, Trouble
from cotune.trial import Request, TaskResult, Trial
from cotune.trial_json import Json, JsonObject
from cotune.verdict.paired import Chance, Estimate, difference, resample, value_of
from cotune.verdict.wording import title

Reading = Mapping[Mixture, Mapping[str, TaskResult]]
"""Results on the test split by mixture and dataset, the winner first."""


def final_entry(problem: Problem, reading: Reading, *, seed: int = 0, resamples: int = 10_000) -> JsonObject:
    """Gives the payload of a `test` entry: scores, and by how much the first mixture leads each other one.

    {"results": {mixture: {dataset: {score, low, high}}}, "leads": {rival: {dataset: {score, low, high}}}}. Intervals
    are over test rows alone, paired for the leads: each mixture was trained once for this reading.
    """
    chance = Chance(seed=seed, resamples=resamples)
    names = [title(problem, mixture) for mixture in reading]
    results: dict[str, JsonObject] = {name: {} for name in names}
    leads: dict[str, JsonObject] = {name: {} for name in names[1:]}
    for dataset in dict.fromkeys(name for found in reading.values() for name in found):
        alone = Problem(problem.tasks, [dataset])
        runs = [Trial(Request(mixture), {dataset: found[dataset]}) for mixture, found in reading.items()]
        draws = resample(alone, runs, chance)
        for name, run in zip(names, runs, strict=True):
            results[name][dataset] = _plain(value_of(alone, [run], draws, chance))
        for name, run in zip(names[1:], runs[1:], strict=True):
            leads[name][dataset] = _plain(difference(alone, runs[:1], [run], draws, chance))
    return {"results": cast(Json, results), "leads": cast(Json, leads)}


def entry_scores(payload: Mapping[str, Json]) -> tuple[FinalScore, ...]:
    """Gives the scores in the payload of `final_entry`.

    Raises:
        ValueError: it has another shape.
    """
    return tuple(FinalScore(*line) for line in _lines(payload, "results"))


def final_scores(log: Sequence[LogEntry]) -> tuple[FinalScore, ...]:
    """Gives the scores of the last `test` entry; none if test was not read.

    Raises:
        ValueError: the entry has another shape.
    """
    return entry_scores(_reading(log))


def final_leads(log: Sequence[LogEntry]) -> tuple[FinalLead, ...]:
    """Gives the first mixture's leads in the last `test` entry; none if test was not read or the entry has none.

    Raises:
        ValueError: the entry has another shape.
    """
    return tuple(FinalLead(*line) for line in _lines(_reading(log), "leads"))


def stop_rule(log: Sequence[LogEntry]) -> str:
    """Gives what stopped the search last, in words; "" while it has not stopped."""
    entries = [entry for entry in log if entry.kind == "stopped"]
    payload = entries[-1].payload if entries else {}
    return ": ".join(str(payload[key]) for key in ("rule", "message") if payload.get(key))


def standing_alarms(log: Sequence[LogEntry]) -> tuple[str, ...]:
    """Gives the alarms that stood after the last round, with the figures of when they began."""
    entries = [entry for entry in log if entry.kind == "alarms"]
    standing = cast(JsonObject, entries[-1].payload["standing"]) if entries else {}
    return tuple(str(Alarm(cast(Trouble, trouble), str(message))) for trouble, message in standing.items())


def versions(log: Sequence[LogEntry]) -> dict[str, str]:
    """Gives the versions that the last `run` entry recorded."""
    entries = [entry for entry in log if entry.kind == "run"]
    payload = entries[-1].payload if entries else {}
    return {key: value for key, value in payload.items() if isinstance(value, str)}


def _reading(log: Sequence[LogEntry]) -> Mapping[str, Json]:
    entries = [entry for entry in log if entry.kind == "test"]
    return entries[-1].payload if entries else {}


def _lines(payload: Mapping[str, Json], part: str) -> list[tuple[str, str, float, float | None, float | None]]:
    found = _object(payload.get(part, {}))
    return [
        (mixture, dataset, _number(line, "score") or 0.0, _number(line, "low"), _number(line, "high"))
        for mixture, datasets in found.items()
        for dataset, line in ((name, _object(value)) for name, value in _object(datasets).items())
    ]


def _plain(estimate: Estimate) -> JsonObject:
    return {"score": estimate.mean, "low": estimate.low, "high": estimate.high}


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError(f"A test result is an object by mixture, dataset and score; got {value!r} in the log.")
    return value


def _number(found: Mapping[str, object], key: str) -> float | None:
    value = found.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"A test result's {key} is a number; got {value!r} in the log.")
    return float(value)
