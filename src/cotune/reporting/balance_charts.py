"""The charts of a balanced or mixed trial: weights or shares over its steps, and the matrix of conflicts."""

from collections.abc import Mapping, Sequence

from cotune.reporting.balance import Conflict
from cotune.reporting.svg import CHARACTER, Element, Scale, axis_x, axis_y, canvas, mark, markup, path, span, text

WIDTH, COLOURS, LINE = 980, 8, 16
CELL, ROW = 56, 28
FEW = 20
"""Most datasets in a matrix of which each cell has its figure; names of more would not be read."""


def over_time(steps: Sequence[int], lines: Mapping[str, Sequence[float]], *, unit: str, label: str) -> str:
    """Draws a line for each dataset, [step], named at its right end with the value that it ended with."""
    names = sorted(lines, key=lambda name: -lines[name][-1])
    left, right, top = 52, 250, 30
    bottom = top + max(200, LINE * len(names))
    drawing = canvas(WIDTH, bottom + 46, label)
    low, high = span([weight for own in lines.values() for weight in own], include=0.0)
    x = Scale(*_reach(steps), left, WIDTH - right)
    y = Scale(min(low, 0.0), high, bottom, top)
    axis_x(drawing, x, top, bottom, unit="step")
    axis_y(drawing, y, left, WIDTH - right, unit=unit)
    places = _apart([y(lines[name][-1]) for name in names], bottom)
    for number, name in enumerate(names):
        own = lines[name]
        points = [(x(step), y(weight)) for step, weight in zip(steps, own, strict=True)]
        path(drawing, f"line{number % COLOURS}", points)
        end = {"cx": x(steps[-1]), "cy": y(own[-1]), "r": 3}
        mark(
            drawing, "circle", f"colour{number % COLOURS}", end, f"{name}: {own[0]:.3f} at first, {own[-1]:.3f} at last"
        )
        text(drawing, WIDTH - right + 12, places[number] + 4, f"{own[-1]:.2f} {name}", "label", cut=right - 16)
    return markup(drawing)


def conflict_matrix(conflicts: Sequence[Conflict]) -> str:
    """Draws the mean cosine of each pair of datasets: orange where gradients point against each other, else green."""
    names = list(dict.fromkeys(name for pair in conflicts for name in (pair.first, pair.second)))[:FEW]
    longest = max(len(name) for name in names)
    left, top = min(max(longest * CHARACTER + 16, 60), 250), 30
    width = max(left + CELL * len(names), WIDTH)  # as wide as other charts, so that its text is as large
    drawing = canvas(width, top + ROW * len(names) + 4, "Mean cosine between datasets' gradients")
    for number, name in enumerate(names):
        text(drawing, left - 10, top + ROW * (number + 0.5) + 4, name, "label end", cut=left - 14)
        text(drawing, left + CELL * (number + 0.5), top - 10, name, "tick middle", cut=CELL - 4)
    for pair in conflicts:
        if pair.first in names and pair.second in names:
            _cells(drawing, pair, names.index(pair.first), names.index(pair.second), left, top)
    return markup(drawing)


def _cells(drawing: Element, pair: Conflict, one: int, other: int, left: float, top: float) -> None:
    tip = f"{pair.first} and {pair.second}: mean cosine {pair.cosine:+.3f} over {pair.steps} steps"
    for row, column in ((one, other), (other, one)):
        at = {"x": left + CELL * column + 1, "y": top + ROW * row + 1, "width": CELL - 2, "height": ROW - 2}
        shade = {"fill-opacity": 0.1 + 0.6 * min(abs(pair.cosine), 1.0)}
        mark(drawing, "rect", f"pair {'bad' if pair.cosine < 0 else 'good'}", at | shade, tip)
        text(drawing, left + CELL * (column + 0.5), top + ROW * (row + 0.5) + 4, f"{pair.cosine:+.2f}", "figure middle")


def _reach(steps: Sequence[int]) -> tuple[float, float]:
    return (steps[0], steps[-1]) if steps[0] < steps[-1] else (steps[0] - 1, steps[0] + 1)


def _apart(places: Sequence[float], bottom: float) -> list[float]:
    """Gives places from top to bottom that are a line apart, as near to the wanted ones as the order allows."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + LINE) if moved else place)
    over = max(moved[-1] - bottom, 0.0)
    for number in range(len(moved) - 1, -1, -1):
        limit = moved[number + 1] - LINE if number + 1 < len(moved) else moved[number] - over
        moved[number] = min(moved[number], limit)
    return moved
