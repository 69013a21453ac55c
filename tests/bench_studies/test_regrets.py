"""Regrets by method, problem and budget."""

import json
from math import inf

import pytest
from benchmarks.studies.regrets import Regrets


def regrets() -> Regrets:
    """Two problems; bold has two repeats, which are averaged."""
    values = {("bold", "a"): [(0.4, 0.0), (0.2, 0.0)], ("bold", "b"): [(0.1, 0.1)], ("shy", "a"): [(0.6, 0.4)]}
    values[("shy", "b")] = [(0.3, 0.1)]
    rows = [
        {"table": "t", "target": target, "method": method, "budget": budget, "repeat": repeat, "nregret": value}
        for (method, target), repeats in values.items()
        for repeat, both in enumerate(repeats)
        for budget, value in zip((12, 24), both, strict=True)
    ]
    return Regrets.from_rows(rows)


def test_rows_become_means_over_repeats_and_differences_by_problem():
    found = regrets()
    assert (found.problems, found.budgets) == (("t/a", "t/b"), (12, 24))
    assert found.at("bold", 12).tolist() == pytest.approx([0.3, 0.1])
    assert found.mean("bold", 12)[0] == pytest.approx(0.2)
    assert found.minus("shy", "bold", 12) == pytest.approx((0.25, 0.2, 0.3))  # 0.3 on a, 0.2 on b


def test_the_first_budget_at_a_level_is_infinite_where_there_is_none():
    assert regrets().first("bold", 0.1) == [24, 12]
    assert regrets().first("shy", 0.1) == [inf, 24]


def test_json_gives_the_same_regrets():
    found = regrets()
    again = Regrets.from_json(json.loads(json.dumps(found.to_json())))
    assert (again.problems, again.budgets) == (found.problems, found.budgets)
    assert all((again.of[method] == found.of[method].round(4)).all() for method in found.of)
