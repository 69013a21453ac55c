"""Named features of a mixture: which datasets are in, how many, what they are like, how near to the target."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Row, Task
from cotune.verdict.design import effective_size

ROWS_READ = 256
"""At most how many rows of each training split the dataset features look at, evenly spaced."""

DATASET_FEATURES = ("log_rows", "input_words", "answer_items", "empty_answers", "labels", "is_extraction")
RELATION_FEATURES = ("word_similarity", "label_overlap", "same_kind")


def features(problem: Problem, mixtures: Iterable[Mixture]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Gives column names and the features [mixture, feature].

    Reads the training rows alone. Where a task has none (lookup tables), the columns about contents are left out.
    """
    parts = problem.encode(mixtures)  # [mixture, task]
    return feature_names(problem), encode_features(problem, parts)


def feature_names(problem: Problem) -> tuple[str, ...]:
    """Gives the names of the columns of `features`."""
    names = [f"parts:{name}" for name in problem.names] + ["size", "size:inverse", "size:log"]
    if _has_rows(problem):
        names += [f"target:{name}" for name in DATASET_FEATURES]
        names += [f"mean:{name}" for name in DATASET_FEATURES + RELATION_FEATURES]
        names += [f"best:{name}" for name in RELATION_FEATURES]
    return tuple(names)


def encode_features(problem: Problem, parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the features [mixture, feature] of mixtures as parts [mixture, task]."""
    relative = parts / parts.max(axis=1, keepdims=True)  # [mixture, task]
    size = effective_size(parts)[:, None] / len(problem.tasks)  # [mixture, 1]
    columns = [relative, size, 1 / size, np.log(size)]
    if _has_rows(problem):
        columns.append(_contents(problem, parts))
    return np.concatenate(columns, axis=1)


def _contents(problem: Problem, parts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = parts / parts.sum(axis=1, keepdims=True)  # [mixture, task]
    datasets = np.array([dataset_features(task) for task in problem.tasks])  # [task, feature]
    relations = _relations(problem)  # [task, feature]
    weights = np.array([problem.weights.get(name, 0.0) for name in problem.names])  # [task]
    partner = (parts > 0) & (weights == 0)  # [mixture, task]
    best = np.where(partner[:, :, None], relations, 0.0).max(axis=1)  # [mixture, feature]
    target = np.broadcast_to(weights @ datasets, (len(parts), datasets.shape[1]))  # [mixture, feature]
    return np.concatenate([target, shares @ datasets, shares @ relations, best], axis=1)


def dataset_features(task: Task) -> list[float]:
    """Gives `DATASET_FEATURES` of one task, from its training rows."""
    rows = _some_rows(task)
    items = [1 if isinstance(row.answer, str) else len(row.answer) for row in rows]
    return [
        float(np.log1p(len(task.rows["train"]))),
        float(np.log1p(np.mean([len(_words(row)) for row in rows]))),
        float(np.log1p(np.mean(items))),
        float(np.mean([not row.answer for row in rows])),
        float(np.log1p(len(task.labels))),
        float(task.kind in ("ner", "relation", "event")),
    ]


def _relations(problem: Problem) -> NDArray[np.float64]:
    """Gives `RELATION_FEATURES` [task, feature] of each task to the targets, averaged by their weights."""
    counts = {task.name: _word_counts(task) for task in problem.tasks}
    total = np.zeros((len(problem.tasks), len(RELATION_FEATURES)))  # [task, feature]
    for target in (task for task in problem.tasks if task.name in problem.weights):
        related = [
            (_cosine(counts[task.name], counts[target.name]), _overlap(task, target), float(task.kind == target.kind))
            for task in problem.tasks
        ]
        total += problem.weights[target.name] * np.array(related)
    return total


def _word_counts(task: Task) -> Counter[str]:
    return Counter(word for row in _some_rows(task) for word in _words(row))


def _cosine(left: Counter[str], right: Counter[str]) -> float:
    """Gives the cosine of log counts, in [0, 1]."""
    vocabulary = sorted(left.keys() | right.keys())
    a, b = (np.log1p([counts[word] for word in vocabulary]) for counts in (left, right))
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _overlap(task: Task, target: Task) -> float:
    either = {*task.labels, *target.labels}
    return len({*task.labels} & {*target.labels}) / max(len(either), 1)


def _words(row: Row) -> list[str]:
    return re.findall(r"\w+", " ".join(row.fields.values()).lower())


def _some_rows(task: Task) -> Sequence[Row]:
    rows = task.rows["train"]
    return rows[:: math.ceil(len(rows) / ROWS_READ)]


def _has_rows(problem: Problem) -> bool:
    return all("train" in task.rows and len(task.rows["train"]) for task in problem.tasks)
