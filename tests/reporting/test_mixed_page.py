"""Shares and dropped datasets on the page are those of the winner's trial under a mixing."""

import re
from dataclasses import replace

import pytest
from balancings import told_as
from test_terminal import printed

from cotune.journal import JournalView
from cotune.problem import Problem
from cotune.reporting import Report, build_report, render_html
from cotune.trial import Mixed

STEPS = (1, 4, 8)


def told(names):
    """The first dataset trains on three quarters of the tokens at last, the second leaves."""
    shares = {name: (1 / len(names), 0.3, 0.1 * place) for place, name in enumerate(names)}
    tokens = {name: (10, 20, 300 if place == 0 else 100 // (len(names) - 1)) for place, name in enumerate(names)}
    return Mixed("drop", STEPS, shares, tokens, dropped=((4, names[1], "cosine of -0.4 <b>"),))


@pytest.fixture(scope="module")
def drawn(problem: Problem, view: JournalView) -> Report:
    return build_report(problem, told_as(view.records, mixed=told), view.log, name="tiny")


def test_the_winners_first_trial_is_shown(drawn: Report, view: JournalView) -> None:
    found = drawn.mixed
    assert found is not None
    first = next(record for record in view.records if record.request.mixture == drawn.verdict.winner)
    assert (found.mixture, found.seed, found.mixing) == (drawn.winner, first.request.seed, "drop")
    names = drawn.verdict.winner.names
    assert (found.steps, found.shares) == (STEPS, told(names).shares)
    assert found.realised[names[0]] == pytest.approx(0.75, abs=0.01)
    assert sum(found.realised.values()) == pytest.approx(1)


def test_shares_realised_tokens_and_dropped_datasets_are_on_the_page(drawn: Report) -> None:
    page = render_html(drawn)
    assert page.index("Finalists") < page.index("Shares while training") < page.index("Which datasets help")
    for name, shares in drawn.mixed.shares.items():
        assert f"{shares[-1]:.2f} {name}" in page
        assert f"{name} {100 * drawn.mixed.realised[name]:.1f} %" in page
    left = drawn.verdict.winner.names[1]
    assert f"{left} left from step 4 on: cosine of -0.4 &lt;b&gt;." in page
    assert "Weights over time" not in page


def test_weights_of_a_mixer_are_drawn_where_each_step_has_them(problem: Problem, view: JournalView) -> None:
    def weighed(names):
        return replace(told(names), weights=dict.fromkeys(names, (0.5, 0.25, 0.125)), dropped=())

    page = render_html(build_report(problem, told_as(view.records, mixed=weighed), view.log, name="tiny"))
    assert "Weights over time" in page
    assert "0.12 " in page
    assert "left from step" not in page


def test_influence_is_drawn_where_gradients_were_looked_at(problem: Problem, view: JournalView) -> None:
    def influencing(names):
        return replace(told(names), influence={held: {name: ask(held, name) for name in names} for held in names})

    def ask(held, name):
        return 0.75 if held == name else -0.25 if held < name else 0.5

    report = build_report(problem, told_as(view.records, mixed=influencing), view.log, name="tiny")
    page, names = render_html(report), sorted(report.verdict.winner.names)
    assert f"training on {names[1]} for {names[0]}: mean cosine -0.250" in page
    assert f"training on {names[0]} for {names[1]}: mean cosine +0.500" in page
    assert page.count(">+0.75<") == len(names)


def test_without_gradients_there_is_no_influence_on_the_page(drawn: Report) -> None:
    assert "Influence</h3>" not in render_html(drawn)


def test_without_a_mixing_there_is_no_such_part(report: Report) -> None:
    assert report.mixed is None
    assert "Shares while training" not in render_html(report)


def test_the_terminal_has_shares_realised_tokens_and_dropped_datasets(drawn: Report, problem, view) -> None:
    text = printed(drawn)
    assert text.index("finalist") < text.index("Shares under drop") < text.index("When a dataset is added")
    lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    assert ["dataset", "first", "mean", "last", "trained", "left"] in lines
    names = drawn.verdict.winner.names
    for place, name in enumerate(names):
        first, second, last = told(names).shares[name]
        row = next(line for line in lines if line[0] == name and line[1:2] == [f"{first:.2f}"])
        mean = (first + second + last) / 3
        assert row[1:5] == [f"{first:.2f}", f"{mean:.2f}", f"{last:.2f}", f"{drawn.mixed.realised[name]:.1%}"]
        assert row[5:] == (["step 4: cosine of -0.4 <b>"] if place == 1 else [])
    assert max(map(len, printed(drawn, 80).splitlines())) <= 80


def test_the_terminal_has_last_weights_where_a_mixer_weighs(problem: Problem, view: JournalView) -> None:
    def weighed(names):
        return replace(told(names), weights=dict.fromkeys(names, (0.5, 0.25, 0.125)), dropped=())

    text = printed(build_report(problem, told_as(view.records, mixed=weighed), view.log, name="tiny"))
    (header,) = [line for line in text.splitlines() if "trained" in line and "weight" in line]
    assert header.split() == ["dataset", "first", "mean", "last", "trained", "weight", "left"]
    assert " 0.12" in text
