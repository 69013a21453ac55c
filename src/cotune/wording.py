"""Wording: how mixtures, units and findings read in sentences, tables and reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cotune.mixture import BASE, Mixture
from cotune.paired import Estimate
from cotune.problem import Problem

UNITS = {
    "entity_f1": "F1",
    "relation_f1": "F1",
    "event_trigger_f1": "trigger F1",
    "event_argument_f1": "argument F1",
    "accuracy": "accuracy points",
    "macro_f1": "macro-F1",
    "exact_match": "exact-match points",
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


def title(problem: Problem, mixture: Mixture, *, most: int = 8) -> str:
    """Gives a mixture's name for a sentence: an anchor's label with its datasets, or at most `most` names."""
    label = anchor_label(problem, mixture)
    if label == TARGET_ONLY:
        return f"{label} ({_list(mixture, most)})"
    if label:
        return label
    left_out = [name for name in problem.names if name not in mixture]
    is_equal = all(count == 1 for _, count in mixture.parts)
    if is_equal and len(mixture) > 6 and len(left_out) <= 3:
        return f"{ALL} but {', '.join(left_out)}"
    return _list(mixture, most)


def sentence_of(problem: Problem, winner: Mixture, recommended: Mixture, findings: Sequence[Finding]) -> str:
    """Gives the sentence to quote: by how much the winner beats each anchor, or that no difference is detectable.

    The base model is passed over where it is beaten and a trained anchor is there to compare with.
    """
    name = title(problem, winner)
    beats_base = [finding for finding in findings if finding.rival == UNTRAINED and finding.difference.is_above]
    findings = [finding for finding in findings if finding not in beats_base] or beats_base
    if not findings:
        return f"{_capital(name)} is the only mixture tried; there is nothing to compare it with."
    beaten = [_gap(finding) for finding in findings if finding.difference.is_above]
    lost = [_gap(finding) for finding in findings if finding.difference.is_below]
    open_ = [finding for finding in findings if not finding.difference.is_above and not finding.difference.is_below]
    clauses = [f"beats {_join(beaten)}"] if beaten else []
    clauses += [f"loses to {_join(lost)}"] if lost else []
    if not clauses:
        head = f"No detectable difference: {name} against {_join(_signed(finding) for finding in open_)}"
    else:
        tail = f"; no detectable difference from {_join(_signed(finding) for finding in open_)}" if open_ else ""
        head = f"{_capital(name)} {' and '.join(clauses)}{tail}"
    if recommended == winner:
        return f"{head}."
    return f"{head}. Take the cheapest: {title(problem, recommended)}."


def _gap(finding: Finding) -> str:
    gap = abs(finding.difference.mean)
    low, high = finding.difference.low or 0.0, finding.difference.high or 0.0
    ends = sorted([abs(low), abs(high)])
    return f"{finding.rival} by {points(gap)} {finding.unit} [{points(ends[0])}, {points(ends[1])}]"


def _signed(finding: Finding) -> str:
    estimate = finding.difference
    return f"{finding.rival} ({points(estimate.mean, sign=True)} {finding.unit} {interval(estimate)})"


def _list(mixture: Mixture, most: int) -> str:
    if len(mixture) <= most:
        return str(mixture)
    first = Mixture(mixture.parts[:most]) if all(count == 1 for _, count in mixture.parts) else None
    shown = str(first) if first else " + ".join(f"{count} {name}" for name, count in mixture.parts[:most])
    return f"{shown} + {len(mixture) - most} more"


def _join(items: Iterable[str]) -> str:
    listed = list(items)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith((TARGET_ONLY, ALL)) else text
