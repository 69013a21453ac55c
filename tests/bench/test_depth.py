"""Time and score against depth: each depth is measured, and a stopped run goes on."""

import json
import sys

import pytest
from benchmarks import depth
from benchmarks.depth import line_of
from benchmarks.engine.outcome import Outcome, Ran


def command(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["benchmarks.depth", *map(str, options)])
    depth.main()


@pytest.mark.slow
def test_the_command_leaves_a_table_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    command(monkeypatch, "--tiny", "--json", out, "--markdown", tmp_path / "out.md")
    table = capsys.readouterr().out
    assert (tmp_path / "out.md").read_text().endswith(table)
    result = json.loads(out.read_text())
    assert {"command", "commit", "hardware", "versions", "seed"} <= result.keys()
    assert [line["layers"] for line in result["lines"]] == ["1", "2", "all"]
    assert len({line["loss"] for line in result["lines"]}) == 3
    command(monkeypatch, "--tiny", "--json", out)  # nothing runs again: its seconds are the same
    assert json.loads(out.read_text())["lines"] == result["lines"]


def test_a_line_is_of_the_first_and_the_last_trial():
    trials = [Ran(place, 10.0 - place, 4.0, 1.0, 100, 50, loss, "") for place, loss in enumerate((1.0, 2.0, 6.0))]
    line = line_of("6", Outcome(tuple(trials), 30.0, "cpu", 1.0, peak_bytes=7))
    assert (line.first, line.last, line.tokens_per_second, line.loss, line.peak_bytes) == (10.0, 8.0, 25.0, 3.0, 7)


@pytest.mark.parametrize("layers", ["0", "half", "6.5"])
def test_a_mistake_is_one_line(layers, monkeypatch):
    with pytest.raises(SystemExit, match="whole numbers from 1 on, or 'all'"):
        command(monkeypatch, "--model", "folder", "--layers", "6", layers)
