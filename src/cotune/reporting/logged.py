"""What a report reads from a study's log."""

from collections.abc import Mapping, Sequence

from cotune.journal.log import LogEntry
from cotune.reporting.report import FinalScore


def final_scores(log: Sequence[LogEntry]) -> tuple[FinalScore, ...]:
    """Gives the test scores of the last `test` entry: {"results": {mixture: {dataset: {score, low, high}}}}.

    Raises:
        ValueError: an entry of the kind has another shape.
    """
    entries = [entry for entry in log if entry.kind == "test"]
    if not entries:
        return ()
    results = _object(entries[-1].payload.get("results"))
    return tuple(
        FinalScore(mixture, dataset, _number(found, "score") or 0.0, _number(found, "low"), _number(found, "high"))
        for mixture, datasets in results.items()
        for dataset, found in ((name, _object(value)) for name, value in _object(datasets).items())
    )


def stop_rule(log: Sequence[LogEntry]) -> str:
    """Gives the rule that stopped the search last, "" while it has not stopped."""
    entries = [entry for entry in log if entry.kind == "stopped"]
    return str(entries[-1].payload.get("rule", "")) if entries else ""


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
