"""The costs of proposals: planted seconds and memory are found, and each setting has a process of its own."""

import json
import sys

import numpy as np
import pytest
from benchmarks import proposal
from benchmarks.proposal import Setting, measure, study

from cotune.search.history import usable

HUNGRY = """
import time
import numpy as np
from cotune.search import random

def hungry(problem, finished, pending, rng, count):
    start, held = time.process_time(), np.ones(2**25)  # 256 MiB
    while time.process_time() < start + 0.2:
        pass
    return random(problem, finished, pending, rng, count)
"""


def test_planted_seconds_and_memory_are_found(tmp_path, monkeypatch):
    (tmp_path / "hungry.py").write_text(HUNGRY)
    monkeypatch.chdir(tmp_path)
    ours = np.ones(2**26)  # 512 MiB that are not the proposals'
    settings = [Setting(4, 5, method, 2, 0) for method in ("hungry:hungry", "random")]
    (_, hungry), (_, modest) = measure(settings)
    assert len(ours) == 2**26
    assert all(seconds >= 0.2 for seconds in (*hungry.elapsed, *hungry.processor))
    assert modest.mebibytes < 512
    assert 250 < hungry.mebibytes - modest.mebibytes < 300


def test_the_command_leaves_a_table_and_all_figures(tmp_path, monkeypatch, capsys):
    options = ["--datasets", 3, "--trials", 2, 4, "--methods", "random", "process", "--repeats", 2, "--seed", 7]
    options += ["--json", tmp_path / "out.json", "--markdown", tmp_path / "out.md"]
    monkeypatch.setattr(sys, "argv", ["benchmarks.proposal", *map(str, options)])
    proposal.main()
    table = capsys.readouterr().out
    assert (tmp_path / "out.md").read_text().endswith(table)
    assert [line.split(" | ")[:2] for line in table.splitlines()[2:]] == [["| 3", "2"]]  # four trials are all there are
    result = json.loads((tmp_path / "out.json").read_text())
    assert [(row["method"], len(row["elapsed"])) for row in result["rows"]] == [("random", 2), ("process", 2)]
    assert result["seed"] == 7
    assert {"command", "commit", "hardware", "versions"} <= result.keys()


def test_trials_are_usable_different_and_begin_with_both_ends():
    problem, trials = study(6, 20, 3)
    asked = [trial.request.mixture for trial in trials]
    assert asked[:2] == [problem.target_only, problem.everything]
    assert len(set(asked)) == len(usable(problem, trials)) == 20
    assert all(result.loss is not None for trial in trials for result in trial.results.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "rnadom"], "did you mean 'random'"),
        (["--trials", "1"], "trials >= 2; got 1"),
        (["--trials", "9", "--datasets", "2", "4"], "4 datasets have too few"),
    ],
)
def test_a_mistake_is_one_line(options, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks.proposal", *options])
    with pytest.raises(SystemExit, match=said):
        proposal.main()
