"""The benchmark of fixed weights: the grid, what is chosen on dev and said of test, by hand; a stopped run goes on."""

import json
import sys
from collections import defaultdict
from dataclasses import replace

import pytest
from benchmarks.balance.contestants import named
from benchmarks.balance.pools import opened
from benchmarks.balance.row import Row
from benchmarks.balance.work import TINY, Work
from benchmarks.grid import __main__ as command
from benchmarks.grid.figures import GRID, lines, spread
from benchmarks.grid.page import apart, page
from benchmarks.grid.sweep import JOINT, MERGED, MIXED, WEIGHTERS, Sweep

from cotune.training import Merging
from cotune.training.balance.choice import EQUAL

(POOL,) = opened(["uneven"], TINY, None)
SWEEP = Sweep(Work(lrs=(0.1, 0.2), seeds=2, tokens=300), POOL, 0.25, (EQUAL, "average"))
BEST = "weights label=2 repeat=1 say=1"


def row(case, dev, test):
    """Two targets, one above the score and one below it."""
    return Row(case, "", {"a": dev - 0.05, "b": dev + 0.05}, {"a": test - 0.1, "b": test + 0.1}, machine="a machine")


def made(**tests):
    """Rows of which those at rate 0.2 score better on dev, of the grid `BEST` most; test scores are by contestant."""
    found = {}
    for case in SWEEP.cases:
        dev = 0.5 + 0.1 * (case.lr == 0.2) + 0.1 * (case.contestant == BEST)
        test = tests.get(case.contestant.replace(" ", "_"), 0.4) + 0.1 * case.seed if case.lr == 0.2 else 0.95
        found[case] = row(case, dev, test)
    return found


def test_a_step_of_a_tenth_gives_36_weightings_of_three_datasets():
    sweep = replace(SWEEP, step=0.1, rivals=Sweep.rivals)
    assert len(set(sweep.weightings)) == 36
    assert len(sweep.cases) == len(set(sweep.cases)) == (36 + len(Sweep.rivals)) * 2 * 2
    assert {*JOINT, *MERGED, *MIXED, *WEIGHTERS} == set(Sweep.rivals)
    weights = [named(name).train["weights"] for name in sweep.weightings]
    shares = {
        tuple(sorted((name, round(10 * part / sum(own.values()), 6)) for name, part in own.items())) for own in weights
    }
    assert len(shares) == 36
    assert {round(share) == share and 1 <= share <= 8 for own in shares for _, share in own} == {True}


def test_contestants_are_found_by_name():
    assert named(BEST).train == {"weights": {"label": 2, "repeat": 1, "say": 1}}
    assert named("average in 4 turns").train == {"merging": Merging("average", turns=4)}
    with pytest.raises(KeyError):
        named("nobody")


def test_weighting_and_rate_are_chosen_on_dev_and_compared_on_test_seed_by_seed():
    by_name = {line.name: line for line in lines(SWEEP, made(equal=0.5, average=0.3))}
    grid, equal, average = by_name[GRID], by_name[EQUAL], by_name["average"]
    assert (grid.of, grid.lr, grid.trainings, grid.failed) == (BEST, 0.2, 6, 0)
    assert grid.score == pytest.approx(0.45)  # 0.4 and 0.5
    assert grid.minus == pytest.approx((-0.1, -0.1, -0.1))
    assert (equal.lr, equal.trainings) == (0.2, 2)
    assert average.minus == pytest.approx((-0.2, -0.2, -0.2))
    assert average.behind == pytest.approx((0.1, 0.1, 0.1))
    assert [line.name for line in lines(SWEEP, made(equal=0.5, average=0.3))] == [EQUAL, GRID, "average"]


def test_what_failed_cannot_be_chosen():
    rows = made()
    lost = {
        case: replace(one, error="diverged") if case.contestant == BEST and case.seed else one
        for case, one in rows.items()
    }
    grid = next(line for line in lines(SWEEP, lost) if line.name == GRID)
    assert (grid.of != BEST, grid.failed) == (True, 2)
    none = {case: replace(one, error="diverged") for case, one in rows.items()}
    assert {(line.score, line.behind) for line in lines(SWEEP, none)} == {(None, None)}
    assert "No weighting has scores" in apart(spread(SWEEP, none))


def test_the_page_says_how_far_fixed_weights_lie_apart():
    tests = {"equal": 0.55, BEST.replace(" ", "_"): 0.3, "weights_label=1_repeat=1_say=2": 0.7}
    found = spread(SWEEP, made(**tests))
    assert (found.weightings, found.best, found.above) == (3, "weights label=1 repeat=1 say=2", 1)
    assert (found.least, found.middle, found.most) == pytest.approx((0.35, 0.45, 0.75))
    text = page("the command", {"commit": "c", "python": "3", "versions": {"torch": "2"}}, SWEEP, made(**tests))
    assert f"| {GRID} ({BEST}) | 0.2 | 6 | 35.0 | -25.0 [-25.0, -25.0] |  | 0 |" in text
    assert "| average | 0.2 | 2 | 45.0 | -15.0 [-15.0, -15.0] | -10.0 [-10.0, -10.0] | 0 |" in text
    assert "above zero against 0 of 2 others, below zero against 2" in text
    assert "reach from 35.0 to 75.0 (`weights label=1 repeat=1 say=2`), median 45.0; 1 are above `equal`" in text
    assert "model merging (`average`)" in text
    assert "`the command` at commit c on a machine" in text


def run(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["benchmarks.grid", *map(str, options)])
    command.main()


@pytest.mark.slow
def test_the_command_leaves_a_page_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    options = ("--tiny", "--json", out, "--markdown", tmp_path / "out.md")
    run(monkeypatch, *options)
    printed = capsys.readouterr()
    assert (tmp_path / "out.md").read_text() == printed.out
    assert "24 of 24 trainings are left" in printed.err
    result = json.loads(out.read_text())
    assert {"command", "commit", "hardware", "versions"} <= result.keys()
    assert len(result["rows"]) == 24
    for key, count in (("contestant", 6), ("lr", 2), ("seed", 2)):  # weights, merging, rate and seed all count
        losses = defaultdict(list)
        for row in result["rows"]:
            losses[row["case"][key]].append(row["losses"])
        assert len(losses) == len({json.dumps(each) for each in losses.values()}) == count
    rows = tmp_path / "out.rows.jsonl"
    rows.write_bytes(rows.read_bytes()[:-9])  # stopped in its last row
    run(monkeypatch, *options)
    assert "1 of 24 trainings are left" in capsys.readouterr().err
    assert json.loads(out.read_text())["lines"] == result["lines"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "at least 1; got 0"),
        (["--seeds", "0"], "positive"),
        (["--step", "0.3"], "divides 1"),
        (["--step", "0.5"], "too few to compare"),
    ],
)
def test_a_mistake_is_one_line(options, said, monkeypatch, tmp_path):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path))
    with pytest.raises(SystemExit, match=said):
        run(monkeypatch, "--tiny", *options)


def test_a_rival_that_cannot_train_on_a_pool_is_named_and_equal_weights_take_part():
    (pool,) = opened(["mixed"], TINY, None)
    with pytest.raises(ValueError, match=r"arml cannot train on mixed: .*all of"):
        Sweep(TINY, pool, 0.1, (EQUAL, "arml"))
    with pytest.raises(ValueError, match="'equal' is among the rivals"):
        Sweep(TINY, pool, 0.1, ("average",))
