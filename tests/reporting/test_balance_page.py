"""Weights and conflicts on the page are those of the winner's trial, or of the next finalist that was balanced."""

import re
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from balancings import balanced_as
from rich.console import Console
from test_terminal import printed

from cotune.journal import JournalView
from cotune.problem import Problem
from cotune.reporting import Report, build_report, render_html, render_terminal
from cotune.reporting.balance import Conflict
from cotune.reporting.balance_charts import conflict_matrix, over_time
from cotune.reporting.privacy import UNHIDDEN
from cotune.trial import Balancing

STEPS = (1, 5, 9)


def told(names):
    """Weights, and cosines of which the first pair's are 0.5, missing and -0.3: 0.1 in the mean of two."""
    weights = {name: (0.5, 0.4, 0.1 * (place + 1)) for place, name in enumerate(names)}
    rest = (-0.2,) * (len(names) * (len(names) - 1) // 2 - 1)
    return Balancing("gradnorm", STEPS, weights, ((0.5, *rest), (None, *rest), (-0.3, *rest)))


@pytest.fixture(scope="module")
def weighed(problem: Problem, view: JournalView) -> Report:
    return build_report(problem, balanced_as(view.records, told), view.log, name="tiny")


def test_the_winners_first_trial_is_shown(weighed: Report, view: JournalView) -> None:
    (found,) = weighed.balanced
    assert found.mixture == weighed.winner
    first = next(record for record in view.records if record.request.mixture == weighed.verdict.winner)
    assert (found.seed, found.balancer, found.steps) == (first.request.seed, "gradnorm", STEPS)
    assert found.weights == told(weighed.verdict.winner.names).weights


def test_conflicts_are_means_over_steps_that_had_both(weighed: Report) -> None:
    names = weighed.verdict.winner.names
    first = weighed.balanced[0].conflicts[0]
    assert (first.first, first.second, first.steps) == (*names[:2], 2)
    assert first.cosine == pytest.approx(0.1)
    assert [pair.steps for pair in weighed.balanced[0].conflicts[1:]] == [3] * (len(weighed.balanced[0].conflicts) - 1)


def test_how_a_conflict_changed_is_told_by_the_thirds_of_the_training(weighed: Report) -> None:
    first, *others = weighed.balanced[0].conflicts
    assert (first.early, first.late) == (0.5, -0.3)
    assert {(pair.early, pair.late) for pair in others} <= {(-0.2, -0.2)}
    page = render_html(weighed)
    row = f"{first.first}, {first.second}</td>\n" + "".join(
        f".*{cell}</td>" for cell in (r"\+0.50", r"\+0.10", "-0.30")
    )
    assert re.search(row, page)


def test_a_third_without_a_common_step_is_left_open(problem: Problem, view: JournalView) -> None:
    """Steps count from 1: of six, 1 and 2 are the first third and 5 and 6 the last."""

    def late(names):
        pairs = len(names) * (len(names) - 1) // 2
        lines = [(None,) * pairs, (None,) * pairs, (0.9,) * pairs, (0.9,) * pairs, (0.1,) * pairs, (0.3,) * pairs]
        return Balancing("equal", (1, 2, 3, 4, 5, 6), dict.fromkeys(names, ()), tuple(lines))

    report = build_report(problem, balanced_as(view.records, late), view.log, name="tiny")
    for pair in report.balanced[0].conflicts:
        assert (pair.early, pair.late) == (None, pytest.approx(0.2))
    assert '<td class="number">–</td><td class="number">+0.55</td><td class="number">+0.20</td>' in render_html(report)


def test_a_single_dataset_under_private_is_said_to_be_unhidden(problem: Problem, view: JournalView) -> None:
    judged = build_report(problem, view.records).verdict
    single = replace(judged, winner=problem.target_only)
    for balancer, verdict, is_warned in (("private", single, True), ("private", judged, False), ("dwa", single, False)):
        found = build_report(problem, view.records, balancer=balancer, verdict=verdict)
        assert (UNHIDDEN in found.warnings) == is_warned


def test_each_rival_has_a_part_of_its_own(problem: Problem, view: JournalView, weighed: Report) -> None:
    winner = [record for record in view.records if record.request.mixture == weighed.verdict.winner]
    others = [record for record in view.records if record.request.mixture != weighed.verdict.winner]

    def other(names):
        return replace(told(names), balancer="coba", weights=dict.fromkeys(names, (0.75, 0.5, 0.25)))

    theirs = {"coba": balanced_as([*others, *winner], other), "dwa": balanced_as(others, told), "equal": winner}
    report = build_report(problem, balanced_as(view.records, told), view.log, balancer="gradnorm", others=theirs)
    assert [found.balancer for found in report.balanced] == ["gradnorm", "coba"]
    assert {found.mixture for found in report.balanced} == {weighed.winner}
    page = render_html(report)
    assert page.index("Balance while training: gradnorm") < page.index("Balance while training: coba")
    assert page.count("Weights under coba") == 1
    assert "Weights under coba" in printed(report)


def test_a_winner_of_one_dataset_gives_way_to_the_next_finalist(problem: Problem, view: JournalView) -> None:
    judged = build_report(problem, view.records).verdict
    standings = sorted(judged.standings, key=lambda line: line.mixture != problem.target_only)
    records = balanced_as(view.records, told)
    (found,) = build_report(problem, records, verdict=replace(judged, standings=tuple(standings))).balanced
    assert len(found.weights) > 1


def test_without_a_balancer_there_is_no_such_part(report: Report) -> None:
    assert report.balanced == ()
    assert "Balance while training" not in render_html(report)


def test_weights_and_conflicts_are_on_the_page_and_the_terminal(weighed: Report) -> None:
    page = render_html(weighed)
    assert page.index("Finalists") < page.index("Balance while training") < page.index("Which datasets help")
    console = Console(width=120, record=True, file=StringIO())
    render_terminal(weighed, console)
    shown = console.export_text()
    for name, weights in weighed.balanced[0].weights.items():
        assert f"{weights[-1]:.2f} {name}" in page
        assert f"{weights[0]:.2f}" in shown
    for pair in weighed.balanced[0].conflicts:
        assert f"{pair.cosine:+.2f}" in page
    assert "Weights under gradnorm" in shown


def test_lines_run_through_all_steps_and_their_names_do_not_overlap() -> None:
    weights = {f"d{n}": (0.1, 0.05 + 0.001 * n) for n in range(30)}
    drawing = ElementTree.fromstring(over_time((1, 40), weights, unit="weight", label="all"))
    lines = drawing.findall("polyline")
    assert len(lines) == 30
    ends = [tuple(map(float, line.attrib["points"].split()[-1].split(","))) for line in lines]
    assert len({across for across, _ in ends}) == 1
    assert [up for _, up in ends] == sorted(up for _, up in ends)  # the largest first, highest on the page
    labels = sorted(float(text.attrib["y"]) for text in drawing.findall("text") if text.attrib["class"] == "label")
    assert len(labels) == 30
    assert min(b - a for a, b in pairwise(labels)) >= 16
    assert 0 < labels[0] < labels[-1] < float(drawing.attrib["height"])


def test_one_step_is_drawn_as_well() -> None:
    ElementTree.fromstring(over_time((1,), {"a": (0.5,), "b": (0.5,)}, unit="weight", label="a + b"))


def test_a_matrix_is_symmetric_and_its_colour_is_the_sign() -> None:
    pairs = [Conflict("a", "b", -0.5, 3), Conflict("a", "c", 0.25, 3), Conflict("b", "c", 0.0, 1)]
    drawing = ElementTree.fromstring(conflict_matrix(pairs))
    cells = drawing.findall("rect")
    assert len(cells) == 6
    assert [cell.attrib["class"] for cell in cells] == ["pair bad"] * 2 + ["pair good"] * 4
    places = {(cell.attrib["x"], cell.attrib["y"]) for cell in cells}
    assert len(places) == 6
    figures = [text.text for text in drawing.findall("text") if text.attrib["class"] == "figure middle"]
    assert figures == ["-0.50", "-0.50", "+0.25", "+0.25", "+0.00", "+0.00"]
