"""Tasks: datasets loaded, rendered to text, parsed back, scored, fingerprinted, split and checked for leaks."""

from cotune.tasks.fingerprint import fingerprint
from cotune.tasks.load import load_task
from cotune.tasks.metrics import METRICS, metrics_of, tallies
from cotune.tasks.pool import load_tasks
from cotune.tasks.rendering import Prediction, Rendered, candidates, parse, render
from cotune.tasks.spec import DatasetSpec, dataset_spec
from cotune.tasks.splits import k_folds

__all__ = [
    "METRICS",
    "DatasetSpec",
    "Prediction",
    "Rendered",
    "candidates",
    "dataset_spec",
    "fingerprint",
    "k_folds",
    "load_task",
    "load_tasks",
    "metrics_of",
    "parse",
    "render",
    "tallies",
]
