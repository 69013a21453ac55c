"""Metrics: what one row's prediction adds to its task's score."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from cotune.tally import Tallies
from cotune.task import Answer, Kind, Row, Task
from cotune.tasks.kinds import FORMATS
from cotune.tasks.metrics.extraction import entity_f1, event_argument_f1, event_trigger_f1, malformed_f1, relation_f1
from cotune.tasks.metrics.labels import accuracy, macro_f1, malformed_macro_f1
from cotune.tasks.metrics.text import exact_match, malformed_text, rouge_l, token_f1
from cotune.tasks.rendering import Prediction


class Metric(NamedTuple):
    """What a gold and a predicted answer add to a score, and what a malformed output adds."""

    compare: Callable[[Answer, Answer], Tallies]
    malformed: Callable[[Answer], Tallies]


METRICS: Mapping[str, Metric] = {
    "entity_f1": Metric(entity_f1, malformed_f1(entity_f1)),
    "relation_f1": Metric(relation_f1, malformed_f1(relation_f1)),
    "event_trigger_f1": Metric(event_trigger_f1, malformed_f1(event_trigger_f1)),
    "event_argument_f1": Metric(event_argument_f1, malformed_f1(event_argument_f1)),
    "accuracy": Metric(accuracy, malformed_text),
    "macro_f1": Metric(macro_f1, malformed_macro_f1),
    "exact_match": Metric(exact_match, malformed_text),
    "token_f1": Metric(token_f1, malformed_text),
    "rouge_l": Metric(rouge_l, malformed_text),
}
"""Every metric; its score is `tally_score` over rows, in [0, 1]."""


def metrics_of(kind: Kind) -> tuple[str, ...]:
    """Gives the metrics that suit a kind of task, the default first; a text has none."""
    return FORMATS[kind].metrics


def check_metric(kind: Kind, metric: str) -> None:
    """Checks that `metric` suits `kind`.

    Raises:
        ValueError: names the metrics that do, or says that none does.
    """
    known = metrics_of(kind)
    if metric in known:
        return
    if not known:
        raise ValueError(
            f"A {kind} dataset has no metric and is scored by its loss alone: leave it out of targets, keep, "
            "scoring.metric_for and its own `metric`."
        )
    near = get_close_matches(metric, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"Metric {metric!r} does not suit a {kind} task; choose from {list(known)}.{hint}")


def tallies(task: Task, row: Row, prediction: Prediction, metric: str | None = None) -> Tallies:
    """Gives what one row adds to the score of its task by `metric` (default: the task's own).

    A malformed prediction always costs: its one tally has numerator 0 and denominator at least 1.

    Raises:
        ValueError: the metric does not suit the task's kind.
    """
    name = metric or task.metric
    check_metric(task.kind, name)
    if prediction.malformed:
        return METRICS[name].malformed(row.answer)
    return METRICS[name].compare(row.answer, prediction.answer)
