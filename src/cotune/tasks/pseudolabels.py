"""Pseudo-labels: a model's likeliest labels of rows without answers, those kept, and the dataset that they become."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from scipy.stats import binomtest

from cotune.task import Row, Split, Task
from cotune.tasks.folder import DESCRIPTION
from cotune.tasks.kinds import FORMATS
from cotune.tasks.labels import plain
from cotune.tasks.metrics import metrics_of
from cotune.tasks.rendering import candidates

CONFIDENCE = "confidence"
WEIGHT = "class_weight"


@dataclass(frozen=True)
class Guess:
    """The likeliest label of a row, and its probability among the labels."""

    row: Row
    label: str
    confidence: float


@dataclass(frozen=True)
class Precision:
    """How many of the rows whose label was sure enough have it right, with Wilson's 95 % interval of that share.

    `share`, `low` and `high` are None where no row was sure enough.
    """

    right: int
    rows: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


def check_labelled(task: Task) -> None:
    """Checks that labels of `task` can be guessed.

    Raises:
        ValueError: the task is no classification with labels to choose from.
    """
    if len(candidates(task)) < 2:
        raise ValueError(
            f"Dataset {task.name!r} is of kind {task.kind} with {len(task.labels)} labels; pseudo-labels are chosen by "
            "how likely each label is, so it must be a classification with two or more."
        )


def sure(guesses: Sequence[Guess], threshold: float) -> list[Guess]:
    """Gives the guesses that are at least as likely as `threshold`."""
    return [guess for guess in guesses if guess.confidence >= threshold]


def precision(guesses: Sequence[Guess], threshold: float) -> Precision:
    """Gives how many sure guesses of rows with gold answers are right.

    >>> row = Row("r", {"text": "win a prize"}, "spam")
    >>> precision([Guess(row, "spam", 0.95), Guess(row, "ham", 0.8)], 0.9).share
    1.0
    """
    kept = sure(guesses, threshold)
    if not kept:
        return Precision(0, 0)
    right = sum(guess.label == guess.row.answer for guess in kept)
    interval = binomtest(right, len(kept)).proportion_ci(method="wilson")
    return Precision(right, len(kept), right / len(kept), float(interval.low), float(interval.high))


def label_counts(task: Task, labels: Sequence[str]) -> dict[str, int]:
    """Gives how often each label of `task` stands in `labels`, 0 included, in the task's order."""
    counts = Counter(labels)
    return {label: counts[label] for label in task.labels}


def write_pseudolabels(
    folder: Path,
    task: Task,
    kept: Sequence[Guess],
    held: Mapping[Split, Sequence[Row]],
    weights: Mapping[str, float],
    about: Mapping[str, object],
) -> None:
    """Writes the dataset into the folder, in the plain format; `about` goes into its description.

    Train rows are those kept, `held` are rows with gold answers, whose confidence is 1. Each row has the weight of its
    class, through the largest one.
    """
    records = {"train": [_record(guess.row, guess.label, guess.confidence, weights) for guess in kept]}
    records |= {split: [_record(row, str(row.answer), 1.0, weights) for row in rows] for split, rows in held.items()}
    card = {
        "task": task.kind,
        "labels": list(task.labels),
        "domain": task.domain,
        "license": task.licence,
        "counts": {split: len(rows) for split, rows in records.items()},
    }
    text = json.dumps({**card, **about}, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    for split, rows in records.items():
        lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8", newline="\n")


def pool_entry(task: Task, name: str, path: str) -> dict[str, object]:
    """Gives the entry of a study for the dataset that was written, asked and scored as `task` is."""
    usual = FORMATS[task.kind].template(name, tuple(plain(task.labels).values()))
    asked = {"instruction": task.template.instruction, "prompt": task.template.prompt}
    columns = {field: field for field in (CONFIDENCE, *extra_fields(task))}
    entry: dict[str, object] = {"name": name, "path": path, "kind": task.kind, "columns": columns}
    if asked != {"instruction": usual.instruction, "prompt": usual.prompt}:
        entry["template"] = asked
    if task.metric != metrics_of(task.kind)[0]:
        entry["metric"] = task.metric
    return entry


def extra_fields(task: Task) -> tuple[str, ...]:
    """Gives the fields that the template names beside those of every row of its kind."""
    named = [name for _, name, _, _ in Formatter().parse(task.template.instruction + task.template.prompt) if name]
    return tuple(dict.fromkeys(name for name in named if name not in ("labels", *FORMATS[task.kind].fields)))


def _record(row: Row, label: str, confidence: float, weights: Mapping[str, float]) -> dict[str, object]:
    fields = {name: text for name, text in row.fields.items() if name != CONFIDENCE}
    weight = weights[label] / max(weights.values())
    return {"id": row.id, **fields, "label": label, CONFIDENCE: round(confidence, 6), WEIGHT: round(weight, 6)}
