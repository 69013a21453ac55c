"""The charts of a balanced or mixed trial: weights or shares over its steps, matrices of conflict and influence."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from cotune.reporting.balance import Conflict
from cotune.reporting.svg import CHARACTER, Element, Scale, axis_x, axis_y, canvas, mark, markup, path, span, text

WIDTH, COLOURS, LINE = 980, 8, 16
CELL, ROW = 56, 28
FEW = 20
"""Most datasets in a matrix of which each cell has its figure; names of more would not be read."""
Cell: TypeAlias = tuple[float, str]
"""A cosine and what it is of."""


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
    cells: dict[tuple[str, str], Cell] = {}
    for pair in conflicts:
        tip = f"{pair.first} and {pair.second}: mean cosine {pair.cosine:+.3f} over {pair.steps} steps"
        cells[pair.first, pair.second] = cells[pair.second, pair.first] = pair.cosine, tip
    names = list(dict.fromkeys(name for pair in conflicts for name in (pair.first, pair.second)))
    return _matrix(names, cells, "Mean cosine between datasets' gradients")


def influence_matrix(influence: Mapping[str, Mapping[str, float]]) -> str:
    """Draws what training on each dataset (column) does for each held-out one (row): green where it helps."""
    cells = {
        (held, name): (cosine, f"training on {name} for {held}: mean cosine {cosine:+.3f}")
        for held, line in influence.items()
        for name, cosine in line.items()
    }
    return _matrix(list(influence), cells, "Mean cosine of gradients on held-out rows and on train rows")


def _matrix(names: Sequence[str], cells: Mapping[tuple[str, str], Cell], label: str) -> str:
    """Draws cosines (row, column) of at most the first `FEW` names."""
    names = names[:FEW]
    longest = max(len(name) for name in names)
    left, top = min(max(longest * CHARACTER + 16, 60), 250), 30
    width = max(left + CELL * len(names), WIDTH)  # as wide as other charts, so that its text is as large
    drawing = canvas(width, top + ROW * len(names) + 4, label)
    for number, name in enumerate(names):
        text(drawing, left - 10, top + ROW * (number + 0.5) + 4, name, "label end", cut=left - 14)
        text(drawing, left + CELL * (number + 0.5), top - 10, name, "tick middle", cut=CELL - 4)
    for (first, second), cell in cells.items():
        if first in names and second in names:
            _cell(drawing, cell, left + CELL * names.index(second), top + ROW * names.index(first))
    return markup(drawing)


def _cell(drawing: Element, cell: Cell, x: float, y: float) -> None:
    cosine, tip = cell
    at = {"x": x + 1, "y": y + 1, "width": CELL - 2, "height": ROW - 2}
    shade = {"fill-opacity": 0.1 + 0.6 * min(abs(cosine), 1.0)}
    mark(drawing, "rect", f"pair {'bad' if cosine < 0 else 'good'}", at | shade, tip)
    text(drawing, x + CELL / 2, y + ROW / 2 + 4, f"{cosine:+.2f}", "figure middle")


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
