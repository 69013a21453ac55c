"""The charts of a report: intervals, best so far, predicted against measured, shares, and each trial's datasets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from cotune.reporting.report import Share, Step, TrialLine
from cotune.reporting.svg import CHARACTER, Scale, axis_x, axis_y, canvas, mark, markup, path, short, span, text

WIDTH = 980
ROW = 26
COLOURS = 8


@dataclass(frozen=True)
class Bar:
    """One line of an interval chart, in points; `tone` is good, bad or plain, `seen` a direct measurement if any."""

    label: str
    mean: float
    low: float | None
    high: float | None
    tone: str
    note: str = ""
    seen: float | None = None


def intervals(bars: Sequence[Bar], *, unit: str, label: str, zero: bool = True) -> str:
    """Draws a dot with its interval for each line, the value written at the right."""
    longest = max((len(bar.label) for bar in bars), default=0)
    left = min(max(longest * CHARACTER + 16, 90), 250)
    right, top = 150, 6
    bottom = top + ROW * len(bars)
    ends = [end for bar in bars for end in (bar.mean, bar.low, bar.high, bar.seen) if end is not None]
    x = Scale(*span(ends, include=0.0 if zero else None), left, WIDTH - right)
    drawing = canvas(WIDTH, bottom + 42, label)
    axis_x(drawing, x, top, bottom, unit=unit)
    if zero:
        mark(drawing, "line", "zero", {"x1": x(0), "x2": x(0), "y1": top, "y2": bottom})
    for index, bar in enumerate(bars):
        y = top + ROW * (index + 0.5)
        tip = f"{bar.label}: {bar.note}"
        text(drawing, left - 10, y + 4, bar.label, "label end", cut=left - 14)
        if bar.low is not None and bar.high is not None:
            size = {"x": x(bar.low), "y": y - 4, "width": max(x(bar.high) - x(bar.low), 1), "height": 8, "rx": 4}
            mark(drawing, "rect", f"reach {bar.tone}", size, tip)
        mark(drawing, "circle", f"dot {bar.tone}", {"cx": x(bar.mean), "cy": y, "r": 5}, tip)
        if bar.seen is not None:
            mark(
                drawing,
                "circle",
                "seen",
                {"cx": x(bar.seen), "cy": y, "r": 4},
                f"{bar.label}: measured {bar.seen:+.1f}",
            )
        text(drawing, WIDTH - right + 10, y + 4, bar.note, "note")
    return markup(drawing)


def best_so_far(steps: Sequence[Step], cost_unit: str, cost: Callable[[Step], float], *, unit: str) -> str:
    """Draws every fine-tuning's objective, what was predicted of it, and the best so far against its cost.

    There is at least one step.
    """
    width, height, left, top, bottom = 318, 240, 44, 28, 196
    drawing = canvas(width, height, f"Best {unit} so far against {cost_unit}")
    values = [100 * value for step in steps for value in (step.best, step.value, step.predicted) if value is not None]
    x = Scale(0, (max(cost(step) for step in steps) or 1) * 1.03, left, width - 14)
    y = Scale(*span(values), bottom, top)
    axis_x(drawing, x, top, bottom, unit=cost_unit, most=5)
    axis_y(drawing, y, left, width - 14, unit=unit)
    for step in steps:
        _prediction(drawing, step, x(cost(step)), y)
        if step.value is not None:
            place = {"cx": x(cost(step)), "cy": y(100 * step.value), "r": 3}
            mark(drawing, "circle", "faint", place, f"fine-tuning {step.fine_tunings}: {100 * step.value:.1f}")
    corners: list[tuple[float, float]] = []
    for step in steps:
        if corners:
            corners.append((x(cost(step)), corners[-1][1]))
        corners.append((x(cost(step)), y(100 * step.best)))
    path(drawing, "best", corners)
    last = steps[-1]
    tip = f"best after {short(cost(last))} {cost_unit}: {100 * last.best:.1f} ({last.mixture})"
    mark(drawing, "circle", "dot good", {"cx": x(cost(last)), "cy": y(100 * last.best), "r": 4}, tip)
    return markup(drawing)


def _prediction(drawing: ElementTree.Element, step: Step, across: float, y: Scale) -> None:
    """Draws a ring where a proposal was predicted, joined to what it came to: the predictor's error."""
    if step.predicted is None:
        return
    if step.value is not None:
        ends = {"x1": across, "x2": across, "y1": y(100 * step.predicted), "y2": y(100 * step.value)}
        mark(drawing, "line", "whisker", ends)
    tip = f"fine-tuning {step.fine_tunings}: predicted {100 * step.predicted:.1f}"
    mark(drawing, "circle", "seen", {"cx": across, "cy": y(100 * step.predicted), "r": 2.5}, tip)


def predicted_against_measured(trials: Sequence[TrialLine], *, unit: str) -> str:
    """Draws what the predictor expected of each proposal against what training it gave, with one sd."""
    known = [
        (100 * trial.predicted, 100 * (trial.predicted_sd or 0.0), 100 * trial.value, trial)
        for trial in trials
        if trial.predicted is not None and trial.value is not None
    ]
    width, height, left, top, bottom = 420, 400, 52, 30, 350
    drawing = canvas(width, height, "Predicted against measured")
    low, high = span([end for mean, sd, value, _ in known for end in (mean - sd, mean + sd, value)])
    x, y = Scale(low, high, left, width - 14), Scale(low, high, bottom, top)
    axis_x(drawing, x, top, bottom, unit=f"predicted {unit}")
    axis_y(drawing, y, left, width - 14, unit=f"measured {unit}", most=6)
    mark(drawing, "line", "zero", {"x1": x(low), "y1": y(low), "x2": x(high), "y2": y(high)})
    for mean, sd, value, trial in known:
        ends = {"x1": x(mean - sd), "x2": x(mean + sd), "y1": y(value), "y2": y(value)}
        mark(drawing, "line", "whisker", ends)
        tip = f"trial {trial.number}: predicted {mean:.1f} ± {sd:.1f}, measured {value:.1f} ({trial.mixture})"
        mark(drawing, "circle", "dot plain", {"cx": x(mean), "cy": y(value), "r": 4}, tip)
    return markup(drawing)


def shares(lines: Sequence[Share]) -> str:
    """Draws each finalist's tokens as a bar, parted by dataset."""
    mixtures = list(dict.fromkeys(line.mixture for line in lines))
    colours = {name: index % COLOURS for index, name in enumerate(dict.fromkeys(line.dataset for line in lines))}
    gap = 52
    drawing = canvas(WIDTH, gap * len(mixtures) + 4, "Realised shares of training tokens")
    for index, mixture in enumerate(mixtures):
        text(drawing, 0, gap * index + 14, mixture, "label", cut=WIDTH)
        start = 0.0
        for line in (line for line in lines if line.mixture == mixture):
            tip = f"{line.dataset}: {line.share:.1%}, {short(line.tokens)} tokens, {line.epochs:.2f} epochs"
            size = {"x": start, "y": gap * index + 22, "width": max(line.share * WIDTH - 1.5, 0.5), "height": 20}
            mark(drawing, "rect", f"colour{colours[line.dataset]}", size, tip)
            text(drawing, start + 6, gap * index + 36, _inside(line), "inside")
            start += line.share * WIDTH
    return markup(drawing)


def _inside(line: Share) -> str:
    room = int((line.share * WIDTH - 12) / CHARACTER)
    words = f"{line.dataset} {line.share:.0%}"
    return words if len(words) <= room else line.dataset if len(line.dataset) <= room else ""


def strip(parts: Sequence[int], names: Sequence[str], targets: Sequence[str]) -> str:
    """Draws one cell for each dataset of the pool, filled if the trial trained on it."""
    size = 9 if len(parts) <= 24 else 5
    held = [name if count == 1 else f"{count} {name}" for name, count in zip(names, parts, strict=True) if count]
    drawing = canvas(size * len(parts) + 1, 11, ", ".join(held) or "no dataset")
    kinds = [
        "target" if count and name in targets else "full" if count else "cell"
        for name, count in zip(names, parts, strict=True)
    ]
    for kind in dict.fromkeys(kinds):
        cells = [
            f"M{size * index + 1} 1h{size - 2}v9h-{size - 2}z" for index, other in enumerate(kinds) if other == kind
        ]
        ElementTree.SubElement(drawing, "path", {"class": kind, "d": "".join(cells)})
    ElementTree.SubElement(drawing, "title").text = ", ".join(held) or "no dataset"
    return markup(drawing)
