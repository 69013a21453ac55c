"""Pictures of studies as SVG files that can be read on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from cotune.reporting.charts import Bar, intervals
from cotune.reporting.svg import Element, Scale, axis_x, axis_y, canvas, mark, markup, path, text

WIDTH, HEIGHT = 720, 320
COLOURS = ("#2f7fd8", "#c9711a", "#1f9d76", "#a55fc4", "#8a8f98", "#d1495b", "#7a8b1f", "#2aa3b5")
STYLE = (
    "text{fill:#737b85;font:12px system-ui,-apple-system,sans-serif}.middle{text-anchor:middle}.end{text-anchor:end}"
    ".grid{stroke:#8a8f98;stroke-opacity:.25}.zero{stroke:#8a8f98;stroke-dasharray:3 3}.reach{opacity:.4}"
    ".good{fill:#1f9d76}.bad{fill:#c9711a}.plain{fill:#8a8f98}polyline{fill:none;stroke-width:2}"
    + "".join(
        f".l{index}{{stroke:{colour}}}.f{index}{{fill:{colour}}}.b{index}{{fill:{colour};opacity:.18}}"
        for index, colour in enumerate(COLOURS)
    )
)
"""Middle greys and colours, which stand out from white and from black: a picture cannot know the page's theme."""


@dataclass(frozen=True)
class Line:
    """A curve with a band: x, mean, low and high ends."""

    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def curves(lines: Mapping[str, Line], *, x_unit: str, y_unit: str, label: str) -> str:
    """Draws curves with their bands, both axes from 0, names at the right."""
    left, right, top, bottom = 52, 170, 28, HEIGHT - 46
    x = Scale(0, max(max(line.x) for line in lines.values()), left, WIDTH - right)
    y = Scale(0, max(0.01, *(max(line.high) for line in lines.values())), bottom, top)
    drawing = canvas(WIDTH, HEIGHT, label)
    axis_x(drawing, x, top, bottom, unit=x_unit, most=8)
    axis_y(drawing, y, left, WIDTH - right, unit="")
    text(drawing, left, top - 12, y_unit)
    for index, line in enumerate(lines.values()):
        around = [*zip(line.x, line.low, strict=True), *reversed([*zip(line.x, line.high, strict=True)])]
        places = " ".join(f"{x(across):g},{y(value):g}" for across, value in around)
        ElementTree.SubElement(drawing, "polygon", {"class": f"b{index}", "points": places})
    for index, (name, line) in enumerate(lines.items()):
        path(drawing, f"l{index}", [(x(across), y(value)) for across, value in zip(line.x, line.mean, strict=True)])
        _key(drawing, index, name, WIDTH - right + 16, top + 20 * index)
    return standalone(markup(drawing))


def bars(lines: Mapping[str, tuple[float, float, float]], *, unit: str, label: str) -> str:
    """Draws a figure with its interval for each name."""
    drawn = [
        Bar(name, mean, low, high, "good" if high < 0 else "bad" if low > 0 else "plain", f"{mean:+.3f}")
        for name, (mean, low, high) in lines.items()
    ]
    return standalone(intervals(drawn, unit=unit, label=label))


def standalone(inline: str) -> str:
    """Gives a file's content from a drawing that was made to stand in a page."""
    drawing = ElementTree.fromstring(inline)
    drawing.set("xmlns", "http://www.w3.org/2000/svg")
    style = ElementTree.Element("style")
    style.text = STYLE
    drawing.insert(0, style)
    return markup(drawing) + "\n"


def _key(drawing: Element, index: int, name: str, x: float, y: float) -> None:
    mark(drawing, "rect", f"f{index}", {"x": x, "y": y, "width": 12, "height": 4})
    text(drawing, x + 18, y + 6, name, cut=150)
