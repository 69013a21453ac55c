from math import inf, nan
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune.reporting.charts import Bar, intervals, strip
from cotune.reporting.html import duration
from cotune.reporting.svg import Scale, canvas, markup, short, span, text

NUMBERS = st.floats(-1e6, 1e6)


@given(NUMBERS, NUMBERS)
def test_ticks_are_few_round_and_inside(one: float, other: float) -> None:
    scale = Scale(*span([one, other]), 0, 100)
    ticks = scale.ticks(6)
    slack = 1e-6 * (scale.high - scale.low)
    assert 1 <= len(ticks) <= 13
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_a_scale_clips_and_is_linear() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (0, 5, 10, -3, 99)] == [100, 150, 200, 100, 200]


def test_a_range_leaves_out_what_is_not_finite_and_has_width() -> None:
    assert span([1, 2, inf, nan]) == pytest.approx((0.94, 2.06))
    low, high = span([3.0])
    assert low < 3 < high
    assert span([]) == pytest.approx((-0.06, 1.06))
    assert span([1e-300]) == pytest.approx((-1, 1))


def test_long_words_are_cut_in_the_middle_and_told_on_hovering() -> None:
    drawing = canvas(10, 10, "x")
    element = text(drawing, 0, 0, "a_very_long_name_that_differs_at_the_end_1", cut=100)
    assert element.text is not None
    assert len(element.text) < 15
    assert element.text.endswith("end_1"[-4:])
    assert element[0].text == "a_very_long_name_that_differs_at_the_end_1"


def test_text_and_labels_are_escaped() -> None:
    drawing = canvas(10, 10, '"<script>')
    text(drawing, 0, 0, "</text><script>")
    assert "<script>" not in markup(drawing)


def test_an_interval_chart_has_a_line_for_each_bar() -> None:
    bars = [Bar("one", 1.0, 0.5, 1.5, "good", "note"), Bar("two", -1.0, None, None, "bad", "?", 2.0)]
    root = ElementTree.fromstring(intervals(bars, unit="F1", label="chart"))
    assert len(root.findall("circle")) == 3
    assert len(root.findall("rect")) == 1


def test_a_strip_tells_its_datasets() -> None:
    root = ElementTree.fromstring(strip((1, 0, 3), ("a", "b", "c"), ["a"]))
    assert [title.text for title in root.findall("title")] == ["a, 3 c"]
    assert [path.get("class") for path in root.findall("path")] == ["target", "cell", "full"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (-0.0, "0"), (0.05, "0.05"), (2048, "2048"), (199_500, "200k"), (4.8e6, "4.8M"), (2.0**63, "9.2e18")],
)
def test_short_numbers(value: float, expected: str) -> None:
    assert short(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0.0 s"), (9.4, "9.4 s"), (59.7, "1 min 0 s"), (756, "12 min 36 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
