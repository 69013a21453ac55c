"""`cotune exhaust` trains every combination once, goes on after a stop, and writes a table that searches can use."""

import json
import signal
import sys
import time

import numpy as np
import pytest
from benchmarks import search
from benchmarks.pools import open_pool
from programs import start

from cotune.cli.opening import open_study
from cotune.cli.tabulating import Tabulation, exhaustive
from cotune.config import evaluation
from cotune.journal import read_journal
from cotune.testing import load_table

FOLDER = "runs/study-exhaust"


def requests(folder):
    return [(str(r.request.mixture), r.request.seed) for r in read_journal(folder).records if len(r.request.mixture)]


def test_every_combination_is_in_the_table_as_it_was_measured(place, cotune):
    done = cotune("exhaust", "study.yaml", "--out", "table.npz", "--in-process", "--seeds", "0,3")
    assert done.code == 0, done.err
    assert "15 combinations of 4 datasets are in table.npz." in done.out
    asked = requests(place / FOLDER)
    assert len(asked) == len(set(asked)) == 30
    with np.load("table.npz") as arrays:
        assert arrays["mask"].tolist() == list(range(1, 16))
        assert arrays["em_seeds"].shape == (2, 15, 4)
        assert json.loads(str(arrays["args"]))["metric"] == dict.fromkeys("abcd", "score")
    table = load_table("table.npz", score="em")
    records = read_journal(place / FOLDER).records
    for mixture, value in table.values("a").items():
        scores = [r.trial.results["a"].score for r in records if r.request.mixture == mixture]
        assert value == pytest.approx(np.mean(scores))
    assert len(list(open_pool(place / "table.npz", "em").targets())) == 4
    assert cotune("status", FOLDER).code == cotune("report", FOLDER).code == 0
    assert "0 trainings are left" in cotune("exhaust", FOLDER, "--out", "table.npz", "--seeds", "3", "--dry-run").out


def test_search_methods_can_be_compared_on_the_table(place, cotune, monkeypatch, capsys):
    cotune("exhaust", "study.yaml", "--out", "table.npz", "--in-process")
    words = ["search", "--tables", "table.npz", "--score", "em", "--methods", "random,default", "--budgets", "3"]
    monkeypatch.setattr(sys, "argv", [*words, "--repeats", "1", "--json", "found.json"])
    search.main()
    rows = json.loads((place / "found.json").read_text())["rows"]
    assert {row["target"] for row in rows} == set("abcd")
    assert all(row["runs"] == 3 for row in rows)


def test_a_second_call_trains_nothing_and_more_seeds_only_what_is_new(place, cotune):
    command = ("exhaust", "study.yaml", "--out", "table.npz", "--in-process")
    cotune(*command)
    first = (place / "table.npz").read_bytes()
    assert "0 trainings are left" in cotune(*command, "--dry-run").out
    assert "15 trainings are left" in cotune(*command, "--dry-run", "--seeds", "0,1").out
    assert "Nothing was left to train." in cotune(*command).out
    assert (place / "table.npz").read_bytes() == first
    assert cotune(*command, "--seeds", "0,1").code == 0
    assert len(requests(place / FOLDER)) == 30


def test_trials_of_another_study_are_taken(place, cotune):
    study = (place / "study.yaml").read_text()
    (place / "turned.yaml").write_text(study.replace("[a, b, c, d]", "[d, c, b, a]"))
    cotune("exhaust", "study.yaml", "--out", "table.npz", "--in-process")
    done = cotune("exhaust", "turned.yaml", "--out", "turned.npz", "--in-process", "--reuse", FOLDER)
    assert done.code == 0, done.err
    trials = [record.trial for record in read_journal(place / "runs/turned-exhaust").records]
    assert {trial.source for trial in trials} == {"study-exhaust"}
    one, other = (load_table(name, score="em") for name in ("table.npz", "turned.npz"))
    assert one.values("a") == other.values("a")


def test_a_pool_that_is_too_large_is_refused_with_its_count(place, refused):
    names = [f"d{number}" for number in range(13)]
    (place / "study.yaml").write_text(f"evaluate: own_trainer:evaluate\ntargets: [d0]\ndatasets: {json.dumps(names)}\n")
    line = refused("exhaust", "study.yaml", "--out", "table.npz")
    assert "8,191 of 13 datasets" in line
    assert "cotune run" in line


@pytest.mark.parametrize("seeds", ["", "0,0", "-1", "a"])
def test_seeds_that_are_none_are_refused(place, refused, seeds):
    assert "--seeds" in refused("exhaust", "study.yaml", "--out", "table.npz", "--seeds", seeds)


def test_a_folder_that_is_not_there_is_told_before_anything_is_trained(place, refused):
    assert "does not exist" in refused("exhaust", "study.yaml", "--out", "no/table.npz", "--in-process")
    assert not (place / FOLDER).exists()


def test_what_fails_once_is_trained_again_and_what_fails_for_good_is_named(place, cotune):
    trainer = (place / "own_trainer.py").read_text()
    seen = place / "seen"
    luck = (
        "\n\ndef measure_with_luck(request):\n"
        "    from pathlib import Path\n"
        f"    seen = Path({str(seen)!r}) / '-'.join(request.mixture.names)\n"
        "    if request.mixture.names == ('b', 'c') or (request.mixture.names == ('a',) and not seen.exists()):\n"
        "        seen.mkdir(parents=True, exist_ok=True)\n"
        "        raise RuntimeError('no luck')\n"
        "    return measure(request)\n\n\nlucky = each(measure_with_luck)\n"
    )
    (place / "own_trainer.py").write_text(trainer + luck)
    done = cotune("exhaust", "study.yaml", "evaluate=own_trainer:lucky", "--out", "table.npz", "--in-process")
    assert done.code == 2
    assert "1 trainings failed for good, first b + c (seed 0)" in done.errors[0]
    assert len(load_table("table.npz", score="em").parts) == 14


@pytest.mark.slow
def test_after_a_kill_it_goes_on_to_the_same_table(place, cotune):
    program = start("exhaust", "study.yaml", "--out", "table.npz", seconds=0.3, cwd=place)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list((place / FOLDER / "trials").glob("*"))) < 5:
        time.sleep(0.05)
    program.send_signal(signal.SIGKILL)
    program.wait()
    begun = len(requests(place / FOLDER))
    assert 0 < begun < 15
    assert cotune("exhaust", "study.yaml", "--out", "table.npz", "--in-process").code == 0
    assert len(requests(place / FOLDER)) == 15
    assert cotune("exhaust", "study.yaml", "--out", "whole.npz", "--in-process", "--runs", "other").code == 0
    with np.load("table.npz") as one, np.load("whole.npz") as other:
        assert set(one.files) == set(other.files)
        for name in set(one.files) - {"seconds"}:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.slow
def test_a_language_model_leaves_its_learning_curves(model_place, cotune):
    text = "model: model\ntargets: [animals]\ndatasets:\n"
    text += "".join(f"  - {{name: {name}, path: data/{name}}}\n" for name in ("animals", "fruits"))
    (model_place / "pair.yaml").write_text(text)
    small = ("budget.tokens=2000", "dev_rows=8", "train.batch_tokens=256", "train.max_length=160", "lora.layers=top-1")
    command = ("exhaust", "pair.yaml", *small, "--out", "pair.npz", "--curve", "2")
    assert "3 trainings are left, about" in cotune(*command, "--dry-run").out
    done = cotune(*command)
    assert done.code == 0, done.err
    with np.load("pair.npz") as arrays:
        assert arrays["fractions"].tolist() == [0.25, 0.5]
        assert arrays["nll_curve"].shape == (1, 3, 2, 2)
        assert arrays["train_curve"].shape == (1, 3, 3)
        for name in ("nll", "em", "nll_curve", "train_curve", "nll_base", "em_base"):
            assert np.isfinite(arrays[name]).all(), name
        assert (arrays["tokens"] > 1500).all()


def test_under_epochs_the_time_is_that_of_a_mean_combination(model_place):
    text = "model: model\ntargets: [animals]\nbudget: {epochs: 1}\ndatasets:\n"
    text += "".join(f"  - {{name: {name}, path: data/{name}}}\n" for name in ("animals", "fruits", "sounds"))
    (model_place / "epochs.yaml").write_text(text)

    def typical(*changes):
        opened = exhaustive(open_study(model_place / "epochs.yaml", changes))
        work = Tabulation(opened, opened.problem(), "", (0,), model_place / "epochs.npz")
        return len(work._typical(evaluation(opened.config, work.problem.tasks, folder=opened.base, cache=None)()))

    assert typical("lora.layers=top-1") == 2  # of 1, 2 and 3 datasets in 3, 3 and 1 combinations
    assert typical("lora.layers=top-1", "budget={tokens: 2000}") == 3
