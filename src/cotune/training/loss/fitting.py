"""Whether the losses suit the datasets of a study, before anything is loaded."""

import math
from collections.abc import Sequence

from cotune.task import Task
from cotune.training.loss.choice import BY_COST, BY_LABEL, BY_NUMBER, LASTING, PLAIN
from cotune.training.mix.choice import FIXED
from cotune.training.settings import Train

HAVING_LABELS = ("classification", "pair_classification")
CONFIDENCE = "confidence"
"""The field of a row that says how sure its answer is, in [0, 1]."""


def check_losses(train: Train, tasks: Sequence[Task]) -> None:
    """Refuses losses that cannot work with their datasets.

    Raises:
        ValueError: a loss needs labels, numbers or confidences that a dataset has not, or does not go with the balancer
            or mixing, or `costs` has an unknown label or no use.
    """
    for task in tasks:
        loss, costs = train.loss_of(task.name), train.of(task.name).costs
        remedy = f"Give it another loss: train.overrides.{task.name}.loss."
        if task.kind == "text" and loss not in PLAIN:
            raise ValueError(f"Loss {loss!r} needs labels or other answers; {task.name!r} is of kind 'text'. {remedy}")
        if loss in BY_LABEL and task.kind not in HAVING_LABELS:
            raise ValueError(f"Loss {loss!r} needs labels; dataset {task.name!r} is of kind {task.kind!r}. {remedy}")
        if loss in BY_NUMBER and (odd := _first_without_number(task)) is not None:
            raise ValueError(f"Loss {loss!r} needs numbers as answers; {task.name!r} has {odd!r}. {remedy}")
        if loss == "judged" and task.kind not in HAVING_LABELS and (odd := _first_without_number(task)) is not None:
            raise ValueError(
                f"Loss 'judged' needs labels, or numbers as answers; {task.name!r} is of kind {task.kind!r} and has "
                f"{odd!r}. {remedy}"
            )
        if loss in LASTING:
            _check_steps(train, task.name)
        if loss == "preference":
            _check_preferences(task)
        if costs and loss not in BY_COST:
            raise ValueError(
                f"train.overrides.{task.name}.costs are of the losses {sorted(BY_COST)}; that of {task.name!r} is "
                f"{loss!r}. {remedy}"
            )
        unknown = sorted({*costs, *(label for line in costs.values() for label in line)}.difference(task.labels))
        if unknown:
            raise ValueError(f"Costs of {task.name!r} name {unknown}; its labels are {list(task.labels)}.")


def _check_steps(train: Train, name: str) -> None:
    """Refuses what takes other passes than one for each step, by which a loss that lasts would not know of a step."""
    others = {
        "train.balancer.conflicts": train.balancer.conflicts > 0,
        f"balancer {train.balancer.name!r}": train.balancer.is_on,
        f"mixing {train.mixing.name!r}": train.mixing.name != FIXED,
    }
    other = next((which for which, is_on in others.items() if is_on), None)
    if other:
        raise ValueError(
            f"Loss {train.loss_of(name)!r} goes on once a step and does not go with {other}, which looks at losses "
            f"between steps. Leave that out, or give {name!r} another loss: train.overrides.{name}.loss."
        )


def _check_preferences(task: Task) -> None:
    """Refuses a dataset of which no two train rows with one label differ in confidence."""
    sure, seen = confidences_of(task), dict[object, set[float]]()
    for row in task.rows.get("train", ()):
        if row.id in sure:
            seen.setdefault(row.answer, set()).add(sure[row.id])
    if all(len(each) < 2 for each in seen.values()):
        raise ValueError(
            f"Loss 'preference' needs train rows with one label that differ in their field 'confidence'; {task.name!r} "
            f"has none. Name its column under columns: {{confidence: ...}}, or give it another loss: "
            f"train.overrides.{task.name}.loss."
        )


def number_of(answer: object) -> float | None:
    """Gives the number that an answer is; None if it is none.

    >>> number_of("4.5"), number_of("about 4")
    (4.5, None)
    """
    try:
        number = float(answer) if isinstance(answer, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def confidences_of(task: Task) -> dict[str, float]:
    """Gives how sure the answer of each train row is, by id, of those whose field `confidence` says so.

    Raises:
        ValueError: it is no number in [0, 1].
    """
    found: dict[str, float] = {}
    for row in task.rows.get("train", ()):
        given = row.fields.get(CONFIDENCE)
        if given is None:
            continue
        number = number_of(given)
        if number is None or not 0 <= number <= 1:
            raise ValueError(f"Dataset {task.name!r}, row {row.id!r}: confidence is in [0, 1]; got {given!r}.")
        found[row.id] = number
    return found


def _first_without_number(task: Task) -> object:
    return next((row.answer for row in task.rows.get("train", ()) if number_of(row.answer) is None), None)
