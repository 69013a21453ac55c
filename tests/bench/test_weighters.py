"""The benchmark of weighters: what is chosen, compared and changed, by hand, and a stopped run goes on."""

import json
import sys
from dataclasses import replace

import pytest
from benchmarks.balance.pools import opened
from benchmarks.balance.row import Row
from benchmarks.balance.work import Case, Work
from benchmarks.engine.models import folder_of
from benchmarks.weighters import __main__ as command
from benchmarks.weighters.figures import changes, chosen, lines, moves, spreads
from benchmarks.weighters.page import against, apart, caveat, changed, page
from benchmarks.weighters.sweep import SMALL, SOFTMAX, USUAL, WEIGHTERS, Point, Sweep, check, point

from cotune.training.balance.choice import EQUAL

SWEEP = Sweep(
    Work(tokens=1000, lrs=(0.1, 0.2), seeds=2), tops=(1, 2), decays=(0.0, 0.5), weighters=(EQUAL, SOFTMAX, "dwa")
)
BEST = (0.2, 0.5)
TESTED = {
    (1, EQUAL): (0.5, 0.6),
    (1, SOFTMAX): (0.6, 0.8),
    (1, "dwa"): (0.4, 0.7),
    (2, EQUAL): (0.5, 0.6),
    (2, SOFTMAX): (0.6, 0.7),
    (2, "dwa"): (0.5, 0.8),
}
"""Test scores at the best rate and decay of dev, of both seeds."""


def points(sweep):
    return [point(work, case) for work in sweep.works for case in sweep.cases]


def row(at, dev, test):
    """Two targets, one above the score and one below it."""
    case = Case("uneven", at.weighter, at.lr, at.seed, 1000)
    return Row(case, "", {"a": dev - 0.05, "b": dev + 0.05}, {"a": test - 0.1, "b": test + 0.1}, machine="a machine")


def made():
    """Rows of which only those at the best rate and decay score well on dev; others score better on test."""
    found = {}
    for at in points(SWEEP):
        is_best = (at.lr, at.decay) == BEST
        found[at] = row(at, 0.8 if is_best else 0.5, TESTED[at.top, at.weighter][at.seed] if is_best else 0.85)
    return found


def failing(rows, *wanted):
    return {at: replace(one, error="diverged") if at in wanted else one for at, one in rows.items()}


def test_seven_weighters_at_three_sizes_rates_and_two_decays_on_two_seeds():
    assert len(set(WEIGHTERS)) == 7
    assert len(set(points(USUAL))) == 3 * 3 * 2 * 7 * 2
    assert {(work.lora.layers, work.train.weight_decay) for work in USUAL.works} == {
        (f"top-{top}", decay) for top in (2, 6, 12) for decay in (0.0, 0.1)
    }


def test_rate_and_decay_are_chosen_on_dev_by_all_seeds():
    rows = made()
    assert chosen(SWEEP, rows, 1, EQUAL) == BEST
    at = Point(1, EQUAL, 0.1, 0.0, 1)  # 0.5 on seed 0 and 1.2 on seed 1 are 0.85 on average, above 0.8
    assert chosen(SWEEP, {**rows, at: row(at, 1.2, 0.1)}, 1, EQUAL) == (0.1, 0.0)
    lost = failing(rows, Point(1, EQUAL, *BEST, 0))
    assert chosen(SWEEP, lost, 1, EQUAL) != BEST
    assert chosen(SWEEP, failing(rows, *(at for at in rows if at.seed == 1)), 1, EQUAL) is None


def test_scores_are_compared_with_equal_weights_and_with_uw_so_seed_by_seed():
    by_name = {(line.top, line.weighter): line for line in lines(SWEEP, made())}
    assert [line.weighter for line in lines(SWEEP, made())][:3] == [SOFTMAX, EQUAL, "dwa"]  # 0.7, 0.55, 0.55
    ours, dwa = by_name[1, SOFTMAX], by_name[1, "dwa"]
    assert (ours.lr, ours.decay, ours.failed) == (*BEST, 0)
    assert ours.score == pytest.approx(0.7)  # (0.6 + 0.8) / 2
    assert ours.minus == pytest.approx((0.15, 0.1, 0.2))  # 0.6 - 0.5 and 0.8 - 0.6
    assert dwa.minus == pytest.approx((0.0, -0.1, 0.1))  # 0.4 - 0.5 and 0.7 - 0.6
    assert dwa.behind == pytest.approx((0.15, 0.1, 0.2))  # 0.6 - 0.4 and 0.8 - 0.7
    assert by_name[2, "dwa"].behind == pytest.approx((0.0, -0.1, 0.1))  # 0.6 - 0.5 and 0.7 - 0.8


def test_the_spread_is_over_weighters_and_compared_with_the_first_size():
    first, second = spreads(SWEEP, made())
    assert (first.top, second.top, first.weighters) == (1, 2, 3)
    assert first.apart["span"] == pytest.approx((0.2, 0.2, 0.2))  # 0.6 - 0.4 and 0.8 - 0.6
    assert second.apart["span"] == pytest.approx((0.15, 0.1, 0.2))  # 0.6 - 0.5 and 0.8 - 0.6
    assert second.minus["span"] == pytest.approx((-0.05, -0.1, 0.0))
    assert first.minus["span"] == (0.0, 0.0, 0.0)
    assert first.apart["deviation"] == pytest.approx(((0.02 / 3) ** 0.5,) * 3)  # 0.1, 0 and 0.1 away from the mean


def test_a_weighter_without_scores_at_a_size_is_in_no_spread():
    lost = failing(made(), *(at for at in points(SWEEP) if (at.top, at.weighter) == (2, "dwa")))
    first, _ = spreads(SWEEP, lost)
    assert first.weighters == 2
    assert first.apart["span"] == pytest.approx((0.15, 0.1, 0.2))  # 0.6 - 0.5 and 0.8 - 0.6
    last = lines(SWEEP, lost)[-1]
    assert (last.top, last.weighter, last.failed, last.score, last.minus) == (2, "dwa", 8, None, None)
    assert "| 2 | dwa |  |  |  |  |  | 8 |" in against(lines(SWEEP, lost))
    none = failing(made(), *points(SWEEP))
    assert spreads(SWEEP, none) == []
    assert "Fewer than two" in apart([])
    assert "| all |  |  |  |  |" in changed(list(changes(SWEEP, none)))


def test_changes_are_between_trainings_that_differ_in_one_thing():
    sweep = Sweep(Work(lrs=(1.0, 2.0, 4.0), seeds=2), tops=(1,), decays=(0.0, 1.0), weighters=(EQUAL,))
    rows = {at: row(at, 0.5, (at.lr / 10 + at.decay / 50) * (at.seed + 1)) for at in points(sweep)}
    one, whole = changes(sweep, rows)
    assert (one.top, whole.top, one.rates) == (1, None, whole.rates)
    assert one.rates == pytest.approx((0.3, 0.2, 0.4))  # 0.1, 0.2, 0.3 are 0.2 on average; twice that on seed 1
    assert one.decays == pytest.approx((0.03, 0.02, 0.04))
    assert one.minus == pytest.approx((0.27, 0.18, 0.36))
    assert one.seeds == pytest.approx(0.73 / 3)  # 0.1, 0.2, 0.4 without decay, 0.12, 0.22, 0.42 with it
    rates = moves({at: at.lr for at in rows}, "lr")
    assert list(rates.values()) == [[1.0, 3.0, 2.0]] * 4  # of 1, 2 and 4, at each decay and seed


def test_what_failed_changes_nothing():
    sweep = Sweep(Work(lrs=(1.0, 2.0), seeds=1), tops=(1,), decays=(0.0, 1.0), weighters=(EQUAL,))
    rows = {at: row(at, 0.5, at.lr / 10 * (1 + at.decay)) for at in points(sweep)}
    one, _ = changes(sweep, failing(rows, Point(1, EQUAL, 2.0, 1.0, 0)))
    assert one.rates == pytest.approx((0.1,) * 3)  # 0.2 - 0.1, without decay alone
    assert one.decays == pytest.approx((0.1,) * 3)  # 0.2 - 0.1, at the lower rate alone
    assert one.seeds is None


def test_the_page_tells_figures_in_points_and_what_few_seeds_are_worth():
    facts = {"commit": "c", "python": "3", "versions": {"torch": "2"}}
    text = page("the command", facts, SWEEP, made())
    assert f"| 1 | {SOFTMAX} | 0.2 | 0.5 | 70.0 | +15.0 [+10.0, +20.0] |  | 0 |" in text
    assert "| 1 | dwa | 0.2 | 0.5 | 55.0 | +0.0 [-10.0, +10.0] | +15.0 [+10.0, +20.0] | 0 |" in text
    assert f"- top 1: `{SOFTMAX}` has a higher mean than 2 of 2, the interval is above zero for 2, below" in text
    # 0.5, 0.6, 0.5 deviate by sqrt(0.02 / 9) = 0.047, 0.6, 0.7, 0.8 by sqrt(0.02 / 3) = 0.082, as at the first size
    assert "| 2 | 3 | 6.4 [4.7, 8.2] | -1.7 [-3.5, +0.0] | 15.0 [10.0, 20.0] | -5.0 [-10.0, +0.0] |" in text
    assert "not the network" in text
    assert "`the command` at commit c on a machine" in text
    assert "about 4 steps shrink a weight by at most 40 %" in text  # 1,000 tokens in 256s, 4 * 0.2 * 0.5
    assert "settle nothing" in text
    assert "nothing here is a finding" in caveat(1)
    assert "narrower than they claim" in caveat(5)
    assert "few" not in caveat(10)


def run(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["benchmarks.weighters", *map(str, options)])
    command.main()


@pytest.mark.slow
def test_the_command_leaves_a_page_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    options = ("--tiny", "--json", out, "--markdown", tmp_path / "out.md")
    run(monkeypatch, *options)
    printed = capsys.readouterr()
    assert (tmp_path / "out.md").read_text() == printed.out
    assert "4 of 4, top 2, decay 0.1: 8 of 8 trainings are left, about" in printed.err
    result = json.loads(out.read_text())
    assert {"command", "commit", "hardware", "versions"} <= result.keys()
    assert len(result["rows"]) == len(points(SMALL)) == 32
    losses = {(row["top"], row["decay"], *row["case"].values()): json.dumps(row["losses"]) for row in result["rows"]}
    assert len(losses) == len(set(losses.values())) == 32  # size, decay, rate, seed and weighter all count
    (half,) = (tmp_path / "out.rows").glob("top-2-decay-0.1.jsonl")
    half.write_bytes(half.read_bytes()[:-9])  # stopped in its last row
    run(monkeypatch, *options)
    said = capsys.readouterr().err
    assert "4 of 4, top 2, decay 0.1: 1 of 8 trainings are left" in said
    assert said.count("trainings are left") == 1
    assert json.loads(out.read_text())["figures"] == result["figures"]
    run(monkeypatch, *options, "--decays", "0", "0.2", "--seeds", "1")
    assert capsys.readouterr().err.count("4 of 4 trainings are left") == 2  # of the new decay alone
    head, rest = half.read_text().split("\n", 1)
    half.write_text(head.replace('"weight_decay": 0.1', '"weight_decay": 0.2') + "\n" + rest)
    with pytest.raises(SystemExit, match=r"weight_decay was 0\.2, is 0\.1"):
        run(monkeypatch, *options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "at least 1; got 0"),
        (["--seeds", "0"], "positive"),
        (["--tops", "0"], r"from 1 on; got \[0\]"),
        (["--tops", "2", "9"], r"at most the 4 layers of .*; got \[2, 9\]"),
        (["--tops", "2", "2"], "differ from one another"),
        (["--decays", "-1", "0"], "from 0 on"),
        (["--lrs", "0.1"], "--lrs are two or more"),
    ],
)
def test_a_mistake_is_one_line(options, said, monkeypatch, tmp_path):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path))
    with pytest.raises(SystemExit, match=said):
        run(monkeypatch, "--tiny", *options)


def test_a_weighter_that_cannot_train_on_a_pool_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path))
    work = replace(SMALL.work, model=folder_of("tiny", tmp_path))
    (pool,) = opened(["mixed"], work, None)
    with pytest.raises(ValueError, match=r"arml cannot train on mixed: .*all of"):
        check(replace(SMALL, work=work, weighters=("arml",)), pool)
