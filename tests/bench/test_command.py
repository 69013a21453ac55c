"""The benchmark as a command: its interface, what it refuses, how it goes on and what it records."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from benchmarks import search

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def bench(capsys, monkeypatch):
    """Runs the command line in this process."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["benchmarks.search", *map(str, arguments)])
        code = 0
        try:
            search.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of four tasks of which all help all others, the first one most."""
    path = tmp_path_factory.mktemp("tables") / "tiny.npz"
    mask = np.arange(1, 16)
    members = (mask[:, None] >> np.arange(4)) & 1  # [run, task]
    nll = 1 / members.sum(axis=1, keepdims=True) + 0.01 * np.arange(4) + (members[:, :1] == 0)
    np.savez(path, names=np.array(list("abcd")), mask=mask, nll=nll)
    return path


def test_one_row_for_each_table_target_method_budget_and_repeat(bench, table, tmp_path):
    out = tmp_path / "out.json"
    methods = "random,all,greedy_forward"
    done = bench("--tables", table, "--budgets", "2,4", "--methods", methods, "--repeats", 2, "--json", out)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    names = {(row["table"], row["target"], row["method"], row["budget"], row["repeat"]) for row in rows}
    assert len(names) == len(rows) == 4 * 3 * 2 * 2
    figures = {"nregret", "rank_percent", "top1", "top1pct", "runs", "seconds_per_proposal"}
    assert all(figures <= row.keys() for row in rows)
    everything = [row for row in rows if row["method"] == "all"]
    assert all(row["runs"] == 1 and row["nregret"] == 0 and row["top1"] for row in everything)
    assert all(row["runs"] == row["budget"] for row in rows if row["method"] == "random")


def test_targets_together_are_averaged_over_combinations_that_hold_them(bench, table, tmp_path):
    out = tmp_path / "out.json"
    options = ("--budgets", 4, "--methods", "random", "--repeats", 1, "--targets-together", 2)
    done = bench("--tables", table, *options, "--json", out)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert [row["target"] for row in rows] == ["a+b", "b+c", "c+d", "d+a"]
    assert all(row["runs"] == 4 and row["nregret"] == 0 for row in rows)  # four combinations hold both


def test_noise_batches_and_landscapes_run_and_repeat(bench, tmp_path):
    def rows(name):
        options = ("--landscapes", 1, "--regimes", "growing,harmful", "--knobs", "size=6,harm=0.5")
        options += ("--budgets", 6, "--methods", "default", "--repeats", 1, "--noise", 0.5, "--batch", 4)
        done = bench(*options, "--json", tmp_path / name)
        assert done.returncode == 0, done.stderr
        return [row | {"seconds_per_proposal": 0} for row in json.loads((tmp_path / name).read_text())["rows"]]

    assert rows("one.json") == rows("two.json")


def test_a_stopped_run_goes_on_where_it_was(bench, table, tmp_path):
    out, rows = tmp_path / "out.json", tmp_path / "out.rows.jsonl"
    options = ("--tables", table, "--budgets", "2,4", "--methods", "random,greedy_forward", "--repeats", 2)
    assert bench(*options, "--json", out).returncode == 0
    whole, lines = json.loads(out.read_text()), rows.read_text().splitlines(keepends=True)
    out.unlink()
    rows.write_text("".join(lines[:6]) + lines[6][:40])
    done = bench(*options, "--json", out)
    assert done.returncode == 0, done.stderr
    assert "5 of 16 searches were done before" in done.stderr
    again = json.loads(out.read_text())
    assert [row | {"seconds_per_proposal": 0} for row in again["rows"]] == [
        row | {"seconds_per_proposal": 0} for row in whole["rows"]
    ]
    assert len(rows.read_text().splitlines()) == len(lines)
    other = bench(*options, "--noise", 0.5, "--json", out)
    assert other.returncode == 1
    assert "noise was 0.0, is 0.5" in other.stderr


def test_the_learning_curve_ranks_unseen_combinations(bench, table, tmp_path):
    out = tmp_path / "curve.json"
    methods = ["mean_only", "size_only", "process", "ridge_shares", "hamming_gp"]
    options = ("--learning-curve", "--budgets", "3,5,99", "--repeats", 2, "--against", "size_only")
    options += ("--methods", ",".join(methods))
    done = bench("--tables", table, *options, "--json", out)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert {row["method"] for row in result["rows"]} == {*methods}
    assert all(-1 <= row["spearman"] <= 1 for row in result["rows"])
    assert {row["budget"] for row in result["rows"]} == {3, 5}
    assert all(line["minus"]["spearman"] for line in result["summary"])
    assert "mean - size_only" in done.stdout
    assert result["commit"]
    assert result["hardware"]


def test_a_run_on_a_shipped_table_is_logged_and_no_other(table, tmp_path):
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    log = tmp_path / "docs" / "results" / "scorings.jsonl"
    shutil.copy(ROOT / "benchmarks" / "tables" / "gen9.npz", tmp_path / "renamed.npz")

    def run(*arguments: object) -> None:
        command = [sys.executable, "-m", "benchmarks.search", "--repeats", "1", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    run("--tables", table, "--budgets", 1, "--methods", "all")
    assert not log.exists()
    run("--tables", "renamed.npz", "--budgets", 1, "--methods", "all")
    run("--tables", "renamed.npz", "--budgets", 3, "--learning-curve", "--methods", "size_only")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["figure"] for line in lines] == ["nregret", "spearman"]
    assert all({"date", "commit", "dirty", "command", "default"} <= line.keys() for line in lines)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--methods", "rnadom"), "did you mean 'random'"),
        (("--methods", "random", "--against", "all"), "'all' is none of"),
        (("--learning-curve", "--methods", "greedy_forward"), "Unknown predictors"),
        (("--tables", "nowhere.npz"), "nowhere.npz"),
        (("--landscapes", "1", "--knobs", "colour=3"), "unknown knobs"),
        (("--no-log",), "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_line(bench, table, options, said):
    done = bench("--tables", table, *options)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
