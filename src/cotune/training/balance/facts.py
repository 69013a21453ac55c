"""What is known of single train rows before training starts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cotune.task import Task
from cotune.training.balance.contract import Array, Need, Tasks
from cotune.training.balance.density import density_ratios
from cotune.training.example import Example
from cotune.training.loss.fitting import HAVING_LABELS, confidences_of

Key = tuple[str, str]
"""Task and id of a row."""


@dataclass(frozen=True)
class Facts:
    """What is known of rows: share of their class, likeness to the targets' rows, and their own confidence."""

    class_shares: Mapping[Key, float] = field(default_factory=dict)
    densities: Mapping[Key, float] = field(default_factory=dict)
    confidences: Mapping[Key, float] = field(default_factory=dict)


def values_of(known: Mapping[Key, float], batch: Sequence[Example]) -> Array:
    """Gives what is known of each example, [example]; NaN where nothing is."""
    return np.array([known.get((example.task, example.id), np.nan) for example in batch])


def scaled(
    batch: Sequence[Example], known: Mapping[Key, float], tasks: Tasks, power: float, least: float
) -> list[Example]:
    """Gives a batch in which auxiliary rows have the scale max(confidence, least)^power; those without one keep 1."""
    auxiliary = {name for name, is_auxiliary in zip(tasks.names, tasks.auxiliary, strict=True) if is_auxiliary}
    sure = [known.get((each.task, each.id), 1.0) if each.task in auxiliary else 1.0 for each in batch]
    return [replace(each, scale=max(own, least) ** power) for each, own in zip(batch, sure, strict=True)]


def facts_of(
    needs: Collection[Need],
    tasks: Sequence[Task],
    pool: Mapping[str, Sequence[Example]],
    targets: Mapping[str, Sequence[Example]],
) -> Facts:
    """Gives the facts that a balancer asks for: `tasks` and `pool` are of the mixture, `targets` the study's."""
    facts = Facts()
    if "classes" in needs:
        facts = replace(facts, class_shares=_class_shares(tasks, pool))
    if "densities" in needs:
        facts = replace(facts, densities=_densities(pool, targets))
    if "confidences" in needs:
        facts = replace(facts, confidences=_confidences(tasks))
    return facts


def _class_shares(tasks: Sequence[Task], pool: Mapping[str, Sequence[Example]]) -> dict[Key, float]:
    """Gives share of the class x number of classes; the answer's tokens stand for the class."""
    found: dict[Key, float] = {}
    for task in tasks:
        if task.kind in HAVING_LABELS:
            rows = pool[task.name]
            counts: dict[tuple[int, ...], int] = {}
            for example in rows:
                counts[example.answer] = counts.get(example.answer, 0) + 1
            found |= {(task.name, row.id): counts[row.answer] * len(counts) / len(rows) for row in rows}
    return found


def _densities(pool: Mapping[str, Sequence[Example]], targets: Mapping[str, Sequence[Example]]) -> dict[Key, float]:
    wanted = [_text(row) for rows in targets.values() for row in rows]
    others = [row for name, rows in pool.items() if name not in targets for row in rows]
    if not wanted or not others:
        return {}
    ratios = density_ratios(wanted, [_text(row) for row in others])
    return {(row.task, row.id): float(ratio) for row, ratio in zip(others, ratios, strict=True)}


def _text(example: Example) -> tuple[int, ...]:
    """Gives the tokens that its task's rows do not have in common: a template would tell datasets apart by itself.

    Where nothing is asked, as of unlabelled texts, these are the answer's.
    """
    common = example.cuts[0] if example.cuts else 0
    return example.prompt[common:] or example.answer


def _confidences(tasks: Sequence[Task]) -> dict[Key, float]:
    return {(task.name, row): sure for task in tasks for row, sure in confidences_of(task).items()}
