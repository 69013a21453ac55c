"""Figures over problems, their intervals and paired differences."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.intervals import interval
from benchmarks.markdown import CURVE, SEARCH, markdown
from benchmarks.scorings import log_scoring
from benchmarks.summary import EVERYWHERE, Line, summarise


def row(table: str, method: str, repeat: int, nregret: float) -> dict[str, str | float]:
    names = {"pool": table, "table": table, "target": "a", "method": method, "repeat": repeat, "budget": 12}
    return names | dict.fromkeys(SEARCH, nregret)


def lines() -> dict[tuple[str, str], Line]:
    """Two tables, two methods, two repeats; on each table `bold` regrets 0.1 less."""
    rows = [
        row(table, method, repeat, level + 0.2 * repeat - (0.1 if method == "bold" else 0))
        for table, level in (("one", 0.2), ("two", 0.6))
        for method in ("default", "bold")
        for repeat in range(2)
    ]
    return {(line.pool, line.method): line for line in summarise(rows, SEARCH, against="default")}


def test_repeats_are_averaged_before_problems_are_counted():
    line = lines()[EVERYWHERE, "default"]
    assert line.problems == 2
    assert line.mean["nregret"] == pytest.approx((0.5, 0.3, 0.7))  # two problems: a resample is one, both or the other
    assert line.median[0] == pytest.approx(0.5)
    assert line.quantile90[0] == pytest.approx(0.66)


def test_differences_are_taken_problem_by_problem():
    line = lines()[EVERYWHERE, "bold"]
    assert line.minus["nregret"] == pytest.approx((-0.1, -0.1, -0.1))
    assert lines()["one", "default"].minus["nregret"] == (0, 0, 0)


def test_pools_are_summarised_together_and_apart():
    assert {pool for pool, _ in lines()} == {EVERYWHERE, "one", "two"}
    text = markdown(list(lines().values()), "default")
    assert text.index("| bold |") < text.index("| default |")
    assert "-0.100 [-0.100, -0.100]" in text


def test_without_the_method_compared_against_there_are_no_differences():
    (line,) = summarise([row("one", "bold", 0, 0.5)], SEARCH, against="default")
    assert not line.minus
    assert "mean -" not in markdown([line], "default")


def test_a_learning_curve_puts_the_highest_first():
    names = {"pool": "p", "table": "p", "target": "a", "repeat": 0, "budget": 6}
    rows = [names | {"method": name, "spearman": value} for name, value in (("low", 0.1), ("high", 0.9))]
    text = markdown(summarise(rows, CURVE, against="low"), "low")
    assert text.index("| high | 0.900") < text.index("| low | 0.100")
    assert "+0.800" in text


def test_an_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [interval(rng.exponential(size=40).tolist(), resamples=400) for _ in range(300)]
    assert 0.88 < np.mean([low <= 1 <= high for _, low, high in found]) < 0.98


def test_a_scoring_is_a_line_with_default_by_pool_and_budget(tmp_path: Path):
    for _ in range(2):
        facts = {"commit": "abc", "dirty": False}
        log_scoring("benchmarks.search", facts, "nregret", list(lines().values()), path=tmp_path / "new" / "log")
    first, second = map(json.loads, (tmp_path / "new" / "log").read_text().splitlines())
    assert first | {"date": ""} == second | {"date": ""}
    assert first["default"] == {EVERYWHERE: {"12": 0.5}, "one": {"12": 0.3}, "two": {"12": 0.7}}
