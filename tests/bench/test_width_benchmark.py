"""The benchmark of widths leaves a line for each, of trials that are the same."""

import json
import sys
from pathlib import Path

from benchmarks import width

sys.path.append(str(Path(__file__).parents[1] / "cli"))  # the tiny model and pool of the command line's tests

from programs import save_model, write_pool


def test_the_command_leaves_a_line_for_each_width(tmp_path, monkeypatch, capsys):
    write_pool(tmp_path / "data")
    save_model(tmp_path / "model")
    options = ["--model", tmp_path / "model", "--data", tmp_path / "data", "--datasets", "animals", "fruits"]
    options += ["--layers", "top-1", "--steps", 2, "--rows", 2, "--dev-rows", 4, "--requests", 3, "--widths", 1, 3]
    monkeypatch.setattr(sys, "argv", ["width", *map(str, options), "--json", str(tmp_path / "out.json")])
    width.main()
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in printed[2:]] == ["1", "3"]
    one, three = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert (one["loss_difference"], one["equal_outputs"]) == (0.0, one["outputs"])
    assert three["loss_difference"] < 1e-4
    assert all(row["elapsed"]["train"] > 0 and row["processor"]["score"] > 0 for row in (one, three))
