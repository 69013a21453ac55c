"""The benchmark of early stopping counts what it says, on curves that foretell the end and on ones that do not."""

import sys

import numpy as np
import pytest
from benchmarks import stopping
from benchmarks.stopping import Case, simulate

from cotune.study.hopeless import USUAL, Judge

JUDGE = Judge(least=5, sureness=0.95)


def write(path, *, telling, size=5, seeds=1):
    rng = np.random.default_rng(3)
    parts = (np.arange(1, 2**size)[:, None] >> np.arange(size)) & 1
    end = 2 + parts @ rng.normal(0, 0.3, (size, size)) / parts.sum(axis=1, keepdims=True)  # [run, task]
    early = end + 0.01 * rng.standard_normal(end.shape) if telling else rng.uniform(1, 3, end.shape)
    curve = np.stack([early + 1, early], axis=1)[None].repeat(seeds, axis=0)  # [seed, run, point, task]
    arrays = {"nll": end, "em": 1 - end / 5, "fractions": np.array([0.25, 0.5]), "nll_curve": curve}
    np.savez(path, names=np.array(list("abcde")[:size]), mask=np.arange(1, 2**size), **arrays)
    return path


def outcomes(path, budget=14, judge=JUDGE):
    return [simulate(Case(path, "nll", ("a",), "random", budget, seed), judge=judge) for seed in range(6)]


def test_curves_that_foretell_the_end_save_tokens_and_spare_the_winner(tmp_path):
    found = outcomes(write(tmp_path / "telling.npz", telling=True))
    assert not any(one.winner_stopped for one in found)
    assert np.mean([one.saved for one in found]) > 0.1
    assert all(one.trials_with >= 14 for one in found)
    assert np.mean([one.regret_with for one in found]) <= np.mean([one.regret_without for one in found])


def test_curves_that_say_nothing_change_nothing(tmp_path):
    found = outcomes(write(tmp_path / "mute.npz", telling=False), judge=USUAL)
    assert np.mean([one.saved for one in found]) < 0.05
    assert np.mean([one.regret_with - one.regret_without for one in found]) == pytest.approx(0, abs=0.1)


def test_a_winner_that_looked_hopeless_is_counted_as_stopped(tmp_path):
    path = write(tmp_path / "late.npz", telling=True)
    with np.load(path) as arrays:
        held = dict(arrays)
    held["nll"][2, 0] = held["nll"][:, 0].min() - 0.1  # a and b, which is no anchor
    held["nll_curve"][0, 2, :, 0] = 9.0
    np.savez(path, **held)
    assert any(one.winner_stopped for one in outcomes(path, budget=16))


def test_the_command_writes_its_table_and_refuses_a_pool_without_curves(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "telling.npz", telling=True, size=4)
    command = ["stopping", "--tables", str(path), "--budgets", "6", "--repeats", "1", "--together", "1", "--least", "4"]
    monkeypatch.setattr(sys, "argv", [*command, "--json", str(tmp_path / "out.json")])
    stopping.main()
    assert "| share of studies whose final winner is stopped | 0.0000" in capsys.readouterr().out
    assert (tmp_path / "out.json").read_text().count('"saved"') == 8
    monkeypatch.setattr(sys, "argv", [*command, "--rungs", "0.3"])
    with pytest.raises(SystemExit, match="Record them with cotune exhaust"):
        stopping.main()
