import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.search", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "tiny.npz"
    mask = np.arange(1, 16)
    members = (mask[:, None] >> np.arange(4)) & 1  # [run, task]
    nll = 1 / members.sum(axis=1, keepdims=True) + 0.01 * np.arange(4) + (members[:, :1] == 0)
    np.savez(path, names=np.array(list("abcd")), mask=mask, nll=nll)
    return path


def test_one_row_for_each_table_target_method_budget_and_repeat(table, tmp_path):
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


def test_targets_together_are_averaged_over_combinations_that_hold_them(table, tmp_path):
    out = tmp_path / "out.json"
    options = ("--budgets", 4, "--methods", "random", "--repeats", 1, "--targets-together", 2)
    done = bench("--tables", table, *options, "--json", out)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert [row["target"] for row in rows] == ["a+b", "b+c", "c+d", "d+a"]
    assert all(row["runs"] == 4 and row["nregret"] == 0 for row in rows)  # four combinations hold both


def test_noise_batches_and_landscapes_run_and_repeat(tmp_path):
    def rows(name):
        options = ("--landscapes", 1, "--budgets", 6, "--methods", "default", "--repeats", 1, "--noise", 0.5)
        done = bench(*options, "--batch", 4, "--json", tmp_path / name)
        assert done.returncode == 0, done.stderr
        return [row | {"seconds_per_proposal": 0} for row in json.loads((tmp_path / name).read_text())["rows"]]

    assert rows("one.json") == rows("two.json")


def test_the_learning_curve_ranks_unseen_combinations(table, tmp_path):
    out = tmp_path / "curve.json"
    done = bench("--tables", table, "--learning-curve", "--budgets", "3,5", "--repeats", 2, "--json", out)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert {row["method"] for row in result["rows"]} == {"default", "mean_only", "neural", "process", "size_only"}
    assert all(-1 <= row["spearman"] <= 1 for row in result["rows"])
    assert result["commit"]
    assert result["hardware"]


def test_an_unknown_method_is_one_line(table):
    done = bench("--tables", table, "--methods", "rnadom")
    assert done.returncode == 1
    assert "rnadom" in done.stderr
    assert "Traceback" not in done.stderr
