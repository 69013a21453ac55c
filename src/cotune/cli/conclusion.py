"""What `cotune train` prints when it is done: a table of scores, or JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

from cotune.cli.console import print_json, print_table, print_text, shorten
from cotune.reporting.privacy import privacy_columns, privacy_lines, privacy_terms
from cotune.task import Split
from cotune.trial_json import JsonObject
from cotune.verdict.wording import points

Lines: TypeAlias = Mapping[str, Mapping[str, float | None]]
"""By dataset: score, low, high."""


def conclude(out: Path, entry: JsonObject, split: Split, *, as_json: bool) -> None:
    """Prints what was scored on `split` and where the result lies; `entry` is that of the study's log."""
    if as_json:
        return print_json({"out": str(out), "split": split, **entry})
    results, leads = cast("dict[str, Lines]", entry["results"]), cast("dict[str, Lines]", entry["leads"])
    rows = [
        [
            dataset,
            shorten(label, 36),
            _points(line),
            _points(leads[label][dataset], sign=True) if label in leads else "",
        ]
        for label, lines in results.items()
        for dataset, line in lines.items()
    ]
    print_text(f"\nOn {split}, in points with 95 % intervals over its rows")
    print_table(["dataset", "trained on", "score", "the first leads by"], sorted(rows, key=lambda row: row[0]))
    _tell_privacy(list(results), cast("list[JsonObject]", entry["trainings"]))
    return print_text(f"\nAdapter and model card: {out}")


def _tell_privacy(labels: Sequence[str], trainings: Sequence[JsonObject]) -> None:
    """Prints the budgets of the trainings that were made private, in the order of `labels`."""
    rows: list[Sequence[str]] = []
    for label, training in zip(labels, trainings, strict=True):
        told = cast("Mapping[str, tuple[float, float]]", training.get("privacy", {}))
        rows += [(name, shorten(label, 36), *budget) for name, *budget in privacy_lines(told)]
    if rows:
        terms = next(cast("Mapping[str, float]", training["terms"]) for training in trainings if "terms" in training)
        dataset, *budgets = privacy_columns(terms)
        print_text(f"\nPrivacy of each training alone, {privacy_terms(terms)}")
        print_table([dataset, "trained on", *budgets], rows)


def _points(line: Mapping[str, float | None], *, sign: bool = False) -> str:
    score, low, high = line["score"], line["low"], line["high"]
    reach = "" if low is None or high is None else f" [{points(low)}, {points(high)}]"
    return f"{points(score or 0.0, sign=sign)}{reach}"
