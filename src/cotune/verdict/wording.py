"""Wording: how mixtures, units and findings read in sentences, tables and reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.verdict.paired import Estimate

UNITS = {
    "entity_f1": "F1",
    "relation_f1": "F1",
    "event_trigger_f1": "trigger F1",
    "event_argument_f1": "argument F1",
    "accuracy": "accuracy points",
    "macro_f1": "macro-F1",
    "exact_match": "exact-match points",
    "score": "points",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
}
"""What 0.01 of a metric is called."""

TARGET_ONLY, ALL, UNTRAINED, RUNNER_UP = "target only", "all datasets", "base model", "runner-up"


@dataclass(frozen=True)
class Finding:
    """The winner's difference from one rival, ready to be put in words."""

    rival: str
    difference: Estimate
    unit: str


def unit(problem: Problem, target: str | None = None) -> str:
    """Gives what a point of the objective or of one target is called; "points" if metrics differ."""
    if problem.objective == "worst" and len(problem.targets) > 1 and not target:
        return f"{_metric(problem, None)} on the worst target"
    return _metric(problem, target)


def _metric(problem: Problem, target: str | None) -> str:
    metrics = {task.metric for task in problem.tasks if task.name in ([target] if target else problem.targets)}
    if len(metrics) != 1:
        return "points"
    metric = metrics.pop()
    return UNITS.get(metric, f"{metric.replace('_', ' ')} points")


def points(value: float, *, sign: bool = False) -> str:
    """Gives a score in [0, 1] or a difference as points of 100 with one decimal."""
    rounded = round(100 * value, 1) + 0.0
    return f"{rounded:+.1f}" if sign else f"{rounded:.1f}"


def interval(estimate: Estimate) -> str:
    """Gives an interval in points, "[0.8, 5.2]", or "[unknown]"."""
    if estimate.low is None or estimate.high is None:
        return "[unknown]"
    return f"[{points(estimate.low)}, {points(estimate.high)}]"


def anchor_label(problem: Problem, mixture: Mixture) -> str | None:
    """Gives "target only", "all datasets" or "base model" for an anchor, None for any other mixture."""
    labels = {problem.everything: ALL, problem.target_only: TARGET_ONLY, BASE: UNTRAINED}
    return labels.get(mixture)


def title(problem: Problem, mixture: Mixture, *, room: int = 240) -> str:
    """Gives a mixture's name for a sentence: an anchor's label, or its datasets in at most about `room` characters."""
    label = anchor_label(problem, mixture)
    if label == TARGET_ONLY:
        return f"{label} ({_list(mixture, room)})"
    if label:
        return label
    return datasets_of(problem, mixture, room=room)


def datasets_of(problem: Problem, mixture: Mixture, *, room: int) -> str:
    """Gives a mixture's datasets in at most about `room` characters: all, all but a few, or the first few.

    The empty mixture is the base model.
    """
    everything = str(mixture)
    left_out = [name for name in problem.names if name not in mixture]
    others = f"{ALL} but {', '.join(left_out)}" if left_out else ALL
    is_equal = all(count == 1 for _, count in mixture.parts)
    is_named_by_rest = 0 < len(left_out) <= 3 or len(others) <= room < len(everything)
    in_pool = set(mixture.names) <= set(problem.names)  # a dataset may have been removed from it
    if is_equal and in_pool and len(mixture) > 6 and is_named_by_rest:
        return others
    return everything if len(everything) <= room else _list(mixture, room)


def sentence_of(
    problem: Problem, winner: Mixture, recommended: Mixture, findings: Sequence[Finding], *, is_open: bool = False
) -> str:
    """Gives the sentence to quote: by how much the winner beats each anchor, or that no difference is detectable.

    The base model is passed over where it is beaten and a trained anchor is there to compare with. With `is_open` the
    winner seems to beat it, but not detectably.
    """
    name = title(problem, winner)
    beats_base = [finding for finding in findings if finding.rival == UNTRAINED and finding.difference.is_above]
    told = [finding for finding in findings if finding not in beats_base] or beats_base
    if not told:
        return f"{_capital(name)} is the only mixture tried; there is nothing to compare it with."
    more = f" More confirmation seeds are needed to tell it from the {UNTRAINED}." if is_open else ""
    if recommended == winner:
        return f"{compared(name, told)}.{more}"
    cheapest = "cheapest trained" if is_open else "cheapest"
    return f"{compared(name, told)}. Take the {cheapest}: {title(problem, recommended)}.{more}"


def compared(name: str, findings: Sequence[Finding]) -> str:
    """Gives in words how `name` differs from each rival; there is at least one."""
    beaten = [_gap(finding) for finding in findings if finding.difference.is_above]
    lost = [_gap(finding) for finding in findings if finding.difference.is_below]
    even = [_signed(finding) for finding in findings if not finding.difference.is_above | finding.difference.is_below]
    clauses = [f"beats {_join(beaten)}"] if beaten else []
    clauses += [f"loses to {_join(lost)}"] if lost else []
    if not clauses:
        return f"No detectable difference: {name} against {_join(even)}"
    tail = f"; no detectable difference from {_join(even)}" if even else ""
    return f"{_capital(name)} {' and '.join(clauses)}{tail}"


def _gap(finding: Finding) -> str:
    gap = abs(finding.difference.mean)
    low, high = finding.difference.low or 0.0, finding.difference.high or 0.0
    ends = sorted([abs(low), abs(high)])
    return f"{finding.rival} by {points(gap)} {finding.unit} [{points(ends[0])}, {points(ends[1])}]"


def _signed(finding: Finding) -> str:
    estimate = finding.difference
    return f"{finding.rival} ({points(estimate.mean, sign=True)} {finding.unit} {interval(estimate)})"


def _list(mixture: Mixture, room: int) -> str:
    names = [name if count == 1 else f"{count} {name}" for name, count in mixture.parts]
    kept = len(names)
    while kept > 1 and len(" + ".join(names[:kept])) > room:
        kept -= 1
    more = [f"{len(names) - kept} more"] if kept < len(names) else []
    return " + ".join([*names[:kept], *more])


def _join(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith((TARGET_ONLY, ALL)) else text
