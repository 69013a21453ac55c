"""Tables of scores: read from a study or a JSON file, and put together as one number per row."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean

from cotune.cli.opening import open_study
from cotune.composite import Missing, Scores, delta_percent, mean_ranks, weighted_mean, worst_task
from cotune.journal import read_journal

MISSING: tuple[Missing, ...] = ("refuse", "skip", "zero")


@dataclass(frozen=True)
class Composite:
    """One row's scores put together; None where a figure has no meaning for it."""

    row: str
    mean: float
    worst_task: str
    worst: float
    rank: float | None
    delta_percent: float | None


def read_table(source: Path, *, runs: Path | None = None) -> dict[str, Scores]:
    """Gives {row: {task: score}} of a JSON file, or of a study: one row per mixture, averaged over seeds.

    Raises:
        FileNotFoundError: there is no such file or study.
        ValueError: the file holds something else.
    """
    if source.suffix != ".json":
        return _table_of_study(source, runs)
    found = _read_json(source)
    rows = found if all(isinstance(row, Mapping) for row in found.values()) else {"scores": found}
    return {str(label): _scores(row, source) for label, row in rows.items()}


def read_scores(file: Path) -> Scores:
    """Gives {task: score} of a JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else.
    """
    return _scores(_read_json(file), file)


def parse_weights(text: str) -> dict[str, float]:
    """Gives the weights of `a=2,b=1`.

    Raises:
        ValueError: an item is not name=number.
    """
    weights: dict[str, float] = {}
    for item in text.split(","):
        name, sign, number = (part.strip() for part in item.partition("="))
        try:
            weights[name] = float(number) if sign else 1.0
        except ValueError:
            raise ValueError(f"Weights read name=number, as a=2,b=1; got {item!r}.") from None
    return weights


def check_missing(word: str) -> Missing:
    """Gives `word` if it says what to do with a task that has no score.

    Raises:
        ValueError: it is none of refuse, skip, zero.
    """
    for known in MISSING:
        if word == known:
            return known
    raise ValueError(f"--missing is one of {', '.join(MISSING)}; got {word!r}.")


def composites(
    table: Mapping[str, Scores], weights: Mapping[str, float] | None, singles: Scores | None, missing: Missing
) -> list[Composite]:
    """Puts each row's scores together; a task that any row scores is missing in the rows that do not.

    Raises:
        ValueError: a task has no score and `missing` is refuse, or no weighted task is scored.
    """
    names = dict.fromkeys(name for row in table.values() for name in row)
    whole: dict[str, Scores] = {label: {**names, **row} for label, row in table.items()}
    shared = {name for row in whole.values() for name, score in row.items() if score is not None}
    ranks = mean_ranks(whole) if all(row[name] is not None for row in whole.values() for name in shared) else {}
    lines = []
    for label, row in whole.items():
        name, lowest = worst_task({task: row.get(task) for task in weights or row}, missing=missing)
        change = None if singles is None else delta_percent(row, singles, missing=missing)
        mean = weighted_mean(row, weights, missing=missing)
        lines.append(Composite(label, mean, name, lowest, ranks.get(label), change))
    return lines


def _table_of_study(study: Path, runs: Path | None) -> dict[str, Scores]:
    seen: dict[str, dict[str, list[float]]] = {}
    for record in read_journal(open_study(study, runs=runs).folder, examples=False).records:
        if record.trial is None or not record.trial.is_finished:
            continue
        row = seen.setdefault(str(record.request.mixture), {})
        for name, result in record.trial.results.items():
            if result.score is not None:
                row.setdefault(name, []).append(result.score)
    return {label: {name: fmean(scores) for name, scores in row.items()} for label, row in seen.items()}


def _read_json(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not valid JSON in UTF-8: {error}.") from None
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{file}: scores are a JSON object {{task: score}} or {{row: {{task: score}}}}.")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a name is given twice among {[name for name, _ in pairs]}")
    return found


def _scores(row: object, file: Path) -> Scores:
    if not isinstance(row, Mapping):
        raise ValueError(f"{file}: a row of scores is an object {{task: score}}; got {row!r}.")
    scores: dict[str, float | None] = {}
    for name, score in row.items():
        if isinstance(score, bool) or not isinstance(score, int | float | None) or not _is_finite(score or 0.0):
            raise ValueError(f"{file}: the score of {name!r} is a finite number or null; got {score!r}.")
        scores[str(name)] = score
    return scores


def _is_finite(score: float) -> bool:
    try:
        return isfinite(score)
    except OverflowError:  # an integer past the largest float
        return False
