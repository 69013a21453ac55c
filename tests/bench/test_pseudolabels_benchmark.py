"""The benchmark of pseudo-labels: gains by hand, and a stopped run goes on."""

import json
import sys

import pytest
from benchmarks.pseudolabels import __main__ as command
from benchmarks.pseudolabels.measuring import made_up, split
from benchmarks.pseudolabels.page import lines, markdown
from benchmarks.pseudolabels.work import Done, Found, Work

WORK = Work(shares=(0.01, 0.1), thresholds=(0.9, 0.7), seeds=2)
SCORES = {0.01: ((0.3, 0.5, 0.3), (0.5, 0.6, 0.5)), 0.1: ((0.7, 0.6, 0.8), (0.7, 0.6, 0.7))}
"""By share and seed: labels alone, and with the pseudo-labels of either threshold."""


def found():
    made = {(1.0, seed): [Found(1.0, seed, None, 0.9)] for seed in (0, 1)}
    for share, seeds in SCORES.items():
        for seed, (alone, high, low) in enumerate(seeds):
            right = None if (share, seed) == (0.01, 0) else 0.8
            some = [Found(share, seed, 0.9, high, 0.2, right), Found(share, seed, 0.7, low, 0.6 + seed / 10, 0.5)]
            made[share, seed] = [Found(share, seed, None, alone), *some]
    return made


def test_gains_are_paired_by_seed_with_an_interval_by_hand():
    first, second, third, fourth = lines(WORK, found())
    assert (first.share, first.threshold, first.right) == (0.01, 0.9, 0.8)
    assert (first.supervised, first.pseudo) == pytest.approx((0.4, 0.55))
    # 0.2 and 0.1: mean 0.15, standard error 0.05, t of one degree of freedom 12.7062
    assert first.gain == pytest.approx((0.15, 0.15 - 0.635310, 0.15 + 0.635310), abs=1e-5)
    assert second.gain == (0.0, 0.0, 0.0)
    assert second.kept == pytest.approx(0.65)
    assert third.gain == pytest.approx((-0.1, -0.1, -0.1))
    assert fourth.gain[0] == pytest.approx(0.05)
    page = markdown(WORK, found())
    assert "| 1% | 0.9 | 20.0% | 80.0% | 40.0 | 55.0 | +15.0 [-48.5, +78.5] |" in page
    assert "All labels: 90.0. Means over 2 seeds" in page


def test_labels_are_drawn_by_the_seed_and_the_others_are_the_rest():
    task = made_up()
    few, rest = split(task, 0.1, 0)
    assert (len(few.rows["train"]), len(rest)) == (6, 54)
    assert {row.id for row in few.rows["train"]} | {row.id for row in rest} == {row.id for row in task.rows["train"]}
    more, _ = split(task, 0.5, 0)
    assert {row.id for row in few.rows["train"]} < {row.id for row in more.rows["train"]}
    assert few != split(task, 0.1, 1)[0]
    assert split(task, 1.0, 0)[1] == []


def test_a_line_that_was_cut_off_is_measured_again(tmp_path):
    path, groups = tmp_path / "a.jsonl", found()
    done = Done(path, {"a": 1})
    done.add(groups[0.01, 0])
    done.add(groups[0.1, 1])
    path.write_bytes(path.read_bytes()[:-9])
    assert Done(path, {"a": 1}).found == {(0.01, 0): groups[0.01, 0]}
    with pytest.raises(ValueError, match="a was 1, is 2"):
        Done(path, {"a": 2})


@pytest.mark.parametrize(
    "options", [["--seeds", "1"], ["--shares", "1.0"], ["--thresholds", "0"], ["--dataset", "none"]]
)
def test_a_mistake_is_one_line(options, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["pseudolabels", "--model", str(tmp_path), "--data", str(tmp_path), *options])
    with pytest.raises(SystemExit, match=r"^error: "):
        command.main()


@pytest.mark.slow
def test_the_command_leaves_a_table_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    words = ["pseudolabels", "--tiny", "--json", str(out), "--markdown", str(tmp_path / "out.md")]
    monkeypatch.setattr(sys, "argv", words)
    command.main()
    told = capsys.readouterr()
    assert "6 of 6 are left, about " in told.err
    assert (tmp_path / "out.md").read_text().endswith(told.out)
    result = json.loads(out.read_text())
    assert {"command", "commit", "hardware", "versions"} <= result.keys()
    assert [(line["share"], line["threshold"]) for line in result["lines"]] == [
        (share, least) for share in (0.01, 0.1) for least in (0.9, 0.7096)
    ]
    assert len(result["rows"]) == 2 * (2 * 3 + 1)
    command.main()  # nothing runs again
    assert "are left" not in capsys.readouterr().err
    assert json.loads(out.read_text())["rows"] == result["rows"]
