"""A journal's records as JSON lines and as a table."""

import csv
from collections.abc import Iterator
from typing import TextIO

from cotune.journal.reader import JournalView
from cotune.trial import Record
from cotune.trial_json import JsonObject, dump, examples_to_json, proposal_to_json, trial_to_json


def export_jsonl(view: JournalView, stream: TextIO) -> None:
    """Writes one JSON object per record: number, proposal, attempts, status, trial and per-example results."""
    for record in view.records:
        stream.write(dump(_record_to_json(record)) + "\n")


def _record_to_json(record: Record) -> JsonObject:
    return {
        "number": record.number,
        "status": status(record),
        "attempts": record.attempts,
        "proposal": proposal_to_json(record.proposal),
        "trial": None if record.trial is None else trial_to_json(record.trial),
        "examples": {} if record.trial is None else examples_to_json(record.trial),
    }


def export_csv(view: JournalView, stream: TextIO) -> None:
    """Writes one row per record: what was asked for, parts, scores and losses per data set, and what it cost."""
    names = _names(view)
    header = ["number", "status", "reason", "mixture", "seed", "fidelity", "mean", "sd", "improvement", "attempts"]
    header += ["tokens", "seconds", "device", "source", "error"]
    header += [f"{what}:{name}" for what in ("parts", "score", "loss") for name in names]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for record in view.records:
        writer.writerow([*_row(record), *_cells(record, names)])


def status(record: Record) -> str:
    """Gives `pending`, `finished`, `stopped` or `failed`."""
    if record.trial is None:
        return "pending"
    if record.trial.reached < 1:
        return "stopped"
    return "finished" if record.trial.is_finished else "failed"


def _names(view: JournalView) -> list[str]:
    scored = [name for record in view.records if record.trial for name in record.trial.results]
    trained = [name for record in view.records for name in record.request.mixture.names]
    return list(dict.fromkeys([*view.datasets, *scored, *trained]))


def _row(record: Record) -> Iterator[object]:
    proposal, request, trial = record.proposal, record.request, record.trial
    yield from (record.number, status(record), proposal.reason, str(request.mixture), request.seed, request.fidelity)
    yield from (proposal.mean, proposal.sd, proposal.improvement, record.attempts)
    if trial is None:
        yield from ("", "", "", "", "")
        return
    yield from (trial.tokens, trial.seconds, trial.device, trial.source, trial.error)


def _cells(record: Record, names: list[str]) -> Iterator[object]:
    results = record.trial.results if record.trial else {}
    parts = record.request.mixture.to_json()
    yield from (parts.get(name, 0) for name in names)
    yield from (results[name].score if name in results else None for name in names)
    yield from (results[name].loss if name in results else None for name in names)
