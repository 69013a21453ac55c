"""A table of all combinations is compared with trainings alone: with itself it agrees, with noise it does not."""

import json
import re
import sys

import numpy as np
import pytest
from benchmarks import exhaustive
from benchmarks.exhaustive import Minutes, chosen, compare, markdown

NAMES = ["a", "b", "c"]


def scores(noise, seeds=2, runs=40):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(1, runs, 3))
    return true + noise * rng.normal(size=(seeds, runs, 3))


def test_what_repeats_itself_ranks_alike_and_noise_shows_in_another_seed_alone():
    table = scores(0.3)
    rows = chosen(range(40), 24, 0)
    lines = compare(NAMES, table, table[0, rows], rows)
    assert [line.dataset for line in lines] == NAMES
    assert all((line.alone, line.apart) == (pytest.approx(1), 0) for line in lines)
    assert all(0.5 < line.seeds < 1 for line in lines)
    noisy = compare(NAMES, table, scores(0.3, seeds=3)[2][rows], rows)
    assert all(line.alone < 1 and line.seeds == other.seeds for line, other in zip(noisy, lines, strict=True))


def test_a_dataset_without_differences_or_scores_is_left_out():
    table = scores(0.1)
    table[0, :, 0], table[1, 3, 2] = 0.5, np.nan
    assert [line.dataset for line in compare(NAMES, table, table[0, :9], range(9))] == ["b"]


def test_combinations_are_drawn_without_repeats_and_by_the_seed():
    drawn = chosen(range(255), 24, 0)
    assert len(set(drawn)) == 24
    assert drawn == sorted(drawn) == chosen(range(255), 24, 0) != chosen(range(255), 24, 1)


def test_the_page_has_the_mean_over_datasets():
    table = scores(0.2)
    page = markdown(compare(NAMES, table, table[0, :10], range(10)), Minutes(90.0, 0.5, 1.25))
    assert re.search(r"\| mean \| 1\.000 \[1\.000, 1\.000\] \|", page)
    assert "The table took 90.0 minutes; one of its trainings 0.50, alone 1.25." in page


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    study = exhaustive.write_study(tmp_path)

    def run(*more):
        words = ["exhaustive", str(study), *map(str, more), "--table", str(tmp_path / "table.npz"), "--alone", "4"]
        words += ["--runs", str(tmp_path / "runs"), "--json", str(tmp_path / "found.json")]
        monkeypatch.setattr(sys, "argv", words)
        exhaustive.main()
        return json.loads((tmp_path / "found.json").read_text())

    return run


@pytest.mark.slow
def test_side_by_side_and_alone_are_the_same_trainings(tiny, tmp_path, capsys):
    found = tiny()
    assert [line["dataset"] for line in found["lines"]] == list(exhaustive_names())
    assert all(line["apart"] < 1e-4 for line in found["lines"])
    assert not any("side by side" in device for device in found["devices"])
    with np.load(tmp_path / "table.npz") as table:
        assert table["nll_seeds"].shape == (2, 7, 3)
        assert "side by side" in str(table["args"])
    capsys.readouterr()
    assert tiny()["lines"] == found["lines"]  # nothing is trained again
    with pytest.raises(SystemExit, match="made with another budget"):
        tiny("budget.steps=2")


def exhaustive_names():
    from benchmarks.made_up_pool import NAMES

    return NAMES
