"""Tasks: datasets loaded, rendered to text, parsed back, scored, fingerprinted, split and checked for leaks."""

from cotune.tasks.fingerprint import fingerprint
from cotune.tasks.known_pools import KNOWN_POOLS, FoundSet, KnownSet, find_pool
from cotune.tasks.leaks import Leak, drop_leaks, find_leaks
from cotune.tasks.load import load_task
from cotune.tasks.metrics import METRICS, metrics_of, tallies
from cotune.tasks.pool import load_tasks
from cotune.tasks.rendering import Prediction, Rendered, candidates, lost_rows, parse, render
from cotune.tasks.spec import DatasetSpec, dataset_spec
from cotune.tasks.splits import k_folds
from cotune.tasks.statistics import Statistics, statistics

__all__ = [
    "KNOWN_POOLS",
    "METRICS",
    "DatasetSpec",
    "FoundSet",
    "KnownSet",
    "Leak",
    "Prediction",
    "Rendered",
    "Statistics",
    "candidates",
    "dataset_spec",
    "drop_leaks",
    "find_leaks",
    "find_pool",
    "fingerprint",
    "k_folds",
    "load_task",
    "load_tasks",
    "lost_rows",
    "metrics_of",
    "parse",
    "render",
    "statistics",
    "tallies",
]
