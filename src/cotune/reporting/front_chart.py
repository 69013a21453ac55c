"""The chart of a front: two targets' scores of every mixture, dominated ones grey, with standard errors."""

from cotune.reporting.svg import Scale, axis_x, axis_y, canvas, mark, markup, span
from cotune.verdict.front import Front, FrontLine


def front_chart(found: Front) -> str:
    """Draws mean scores on the first two targets, in points; whiskers are one standard error where it is known."""
    across, up = list(found.reference)[:2]
    width, height, left, top, bottom = 420, 400, 52, 30, 350
    drawing = canvas(width, height, f"{up} against {across}")
    x = Scale(*_reach(found, across), left, width - 14)
    y = Scale(*_reach(found, up), bottom, top)
    axis_x(drawing, x, top, bottom, unit=f"{across}, points")
    axis_y(drawing, y, left, width - 14, unit=f"{up}, points", most=6)
    for line in reversed(found.lines):
        at, high = 100 * line.scores[across], 100 * line.scores[up]
        wide, tall = (100 * (line.errors[name] or 0.0) for name in (across, up))
        mark(drawing, "line", "whisker", {"x1": x(at - wide), "x2": x(at + wide), "y1": y(high), "y2": y(high)})
        mark(drawing, "line", "whisker", {"x1": x(at), "x2": x(at), "y1": y(high - tall), "y2": y(high + tall)})
        tip = f"{line.title}: {across} {at:.1f}, {up} {high:.1f} ({line.seeds} seeds; {place_of(line)})"
        tone = "good" if line in found.best else "plain"
        mark(drawing, "circle", f"dot {tone}", {"cx": x(at), "cy": y(high), "r": 4}, tip)
    return markup(drawing)


def place_of(line: FrontLine) -> str:
    """Gives in words whether a mixture is on the front."""
    if not line.is_allowed:
        return "does not keep what is to be kept"
    return "dominated" if line.is_dominated else "on the front"


def _reach(found: Front, name: str) -> tuple[float, float]:
    ends = [100 * (line.scores[name] + sign * (line.errors[name] or 0.0)) for line in found.lines for sign in (-1, 1)]
    return span(ends)
