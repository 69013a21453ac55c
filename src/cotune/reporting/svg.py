"""Inline SVG: scales, axes and marks from which the charts are drawn. Text is escaped by ElementTree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10
from xml.etree import ElementTree

Element = ElementTree.Element
CHARACTER = 7.3
"""Mean width of a character of 12 px text; labels are cut by it, since nothing here can measure fonts."""


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] of the data linearly to [start, end] of the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Gives the place of a value on the page, clipped to the page."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, most: int = 6) -> list[float]:
        """Gives at most about `most` round values inside the scale."""
        step = _round_step((self.high - self.low) / most)
        first = floor(self.low / step + 0.999999)
        count = int((self.high - first * step) / step + 1e-6) + 1
        return [round((first + index) * step, 12) for index in range(count)]


def _round_step(raw: float) -> float:
    size = 10 ** floor(log10(raw))
    return float(next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.999))


def span(values: Iterable[float], *, include: float | None = None) -> tuple[float, float]:
    """Gives the range of the finite values with a margin of 6 per cent; a range of no width is widened."""
    finite = [value for value in values if isfinite(value)]
    finite += [] if include is None else [include]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if high - low < 1e-9:
        pad = max(abs(low) * 0.1, 1.0)
        return low - pad, high + pad
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def canvas(width: float, height: float, label: str) -> Element:
    """Gives an empty drawing that scales down with the page; `label` is read aloud."""
    size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    return ElementTree.Element("svg", {**size, "role": "img", "aria-label": label})


def mark(parent: Element, tag: str, css: str, numbers: Mapping[str, float], tip: str = "") -> Element:
    """Draws a line, rectangle or circle with a class and numeric attributes; `tip` shows on hovering."""
    attributes = {key: f"{value:g}" for key, value in numbers.items()}
    element = ElementTree.SubElement(parent, tag, {"class": css, **attributes})
    if tip:
        ElementTree.SubElement(element, "title").text = tip
    return element


def text(parent: Element, x: float, y: float, words: str, css: str = "", *, cut: float = 0.0) -> Element:
    """Writes words; those wider than `cut` pixels are shortened, with the whole on hovering."""
    element = ElementTree.SubElement(parent, "text", {"x": f"{x:g}", "y": f"{y:g}", "class": css})
    most = max(int(cut / CHARACTER), 3) if cut else len(words)
    tail = (most - 1) // 3  # long names tend to differ at the end
    element.text = words if len(words) <= most else f"{words[: most - 1 - tail]}…{words[len(words) - tail :]}"
    if len(words) > most:
        ElementTree.SubElement(element, "title").text = words
    return element


def path(parent: Element, css: str, places: Iterable[tuple[float, float]]) -> Element:
    """Draws a line through the places."""
    joined = " ".join(f"{x:g},{y:g}" for x, y in places)
    return ElementTree.SubElement(parent, "polyline", {"class": css, "points": joined})


def axis_x(parent: Element, scale: Scale, top: float, bottom: float, *, unit: str = "", most: int = 6) -> None:
    """Draws vertical grid lines with their values below, and the unit at the right."""
    for value in scale.ticks(most):
        x = scale(value)
        mark(parent, "line", "grid", {"x1": x, "x2": x, "y1": top, "y2": bottom})
        text(parent, x, bottom + 16, short(value), "tick middle")
    text(parent, (scale.start + scale.end) / 2, bottom + 34, unit, "axis middle")


def axis_y(parent: Element, scale: Scale, left: float, right: float, *, unit: str = "", most: int = 5) -> None:
    """Draws horizontal grid lines with their values to the left, and the unit above."""
    for value in scale.ticks(most):
        y = scale(value)
        mark(parent, "line", "grid", {"x1": left, "x2": right, "y1": y, "y2": y})
        text(parent, left - 8, y + 4, short(value), "tick end")
    text(parent, left - 8, scale.end - 12, unit, "axis")


def short(value: float) -> str:
    """Gives a number in few characters: 9e18, 1.2M, 350k, 0.05."""
    if abs(value) >= 1e13:
        return f"{value:.2g}".replace("e+", "e")
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value + 0.0:.4g}"


def markup(drawing: Element) -> str:
    """Gives the drawing as text to stand in a page."""
    return ElementTree.tostring(drawing, encoding="unicode")
