import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cotune.reporting import Report, render_html
from cotune.reporting.drawings import drawings

VOID = {"meta", "br", "img", "input", "hr", "link"}
SVG = {"svg", "line", "rect", "circle", "text", "title", "polyline", "path"}


class Page(HTMLParser):
    """Collects what a browser would act on, and checks that every element is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.code: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            self.code[self.open[-1]] = self.code.get(self.open[-1], "") + data
        else:
            self.words.append(data)


def test_every_edge_case_is_a_whole_page_that_runs_nothing_foreign(edge: Report) -> None:
    page = Page(render_html(edge))
    assert page.open == []
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert not {"iframe", "object", "embed", "form", "img", "link", "base", "a", "b onload=x"} & set(page.tags)


def test_each_prediction_of_the_search_is_a_ring_in_its_plot(tested: Report) -> None:
    steps = [replace(step, predicted=step.best) for step in tested.curve[:3]]
    drawing = drawings(replace(tested, curve=(*steps, *tested.curve[3:])))["by_fine_tunings"]
    assert drawing.count('class="seen"') == 3


def test_the_page_names_the_model_where_there_is_one(report: Report) -> None:
    named = Page(render_html(replace(report, model="org/model-135M")))
    assert "org/model-135M" in named.words
    assert "; model" not in "".join(Page(render_html(replace(report, model=""))).words)


def test_nothing_is_asked_of_the_network(tested: Report) -> None:
    page = Page(render_html(tested))
    assert not [value for _, name, value in page.attributes if name in ("src", "href", "action", "srcset")]
    assert "url(" not in page.code["style"]
    assert "@import" not in page.code["style"]


def test_the_policy_admits_exactly_the_page_s_own_style_and_script(report: Report) -> None:
    page = Page(render_html(report))
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    for tag, words in page.code.items():
        assert f"{tag}-src 'sha256-{b64encode(sha256(words.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';")


def test_hostile_names_are_shown_as_text(edge: Report) -> None:
    words = "".join(Page(render_html(edge)).words)
    for dataset in edge.datasets:
        assert dataset.name in words
    assert edge.name in words


def test_every_drawing_is_well_formed(report: Report) -> None:
    drawings = re.findall(r"<svg.*?</svg>", render_html(report), re.S)
    assert len(drawings) > len(report.trials)
    for drawing in drawings:
        ElementTree.fromstring(drawing)


def test_every_figure_of_the_verdict_is_on_the_page(report: Report) -> None:
    words = "".join(Page(render_html(report)).words)
    assert report.verdict.sentence in words
    assert "org/model" in words
    for effect in report.effects:
        assert f"{100 * effect.mean:+.1f} [{100 * effect.low:.1f}, {100 * effect.high:.1f}]" in words
    assert "RuntimeError: loss is NaN" in words or not report.cost.failed


def test_test_scores_come_before_dev(tested: Report) -> None:
    page = render_html(tested)
    assert 0 < page.index("On test") < page.index("On dev")
    assert tested.test_sentence in "".join(Page(page).words)


def test_the_same_report_gives_the_same_page(report: Report) -> None:
    assert render_html(report) == render_html(report)


@pytest.mark.parametrize("name", ["lone surrogate \ud800", "nul \x00 and bell \x07"])
def test_odd_characters_in_a_message_do_not_break_the_page(report: Report, name: str) -> None:
    from dataclasses import replace

    render_html(replace(report, name=name)).encode("utf-8")
