"""`cotune weights` trains every weighting once, side by side, goes on where it was, and tells what came out."""

import csv
import json
import shlex

import pytest
import yaml

from cotune.cli.mixtures import parse_mixture
from cotune.cli.opening import open_study
from cotune.cli.weighing import Weighing
from cotune.cli.weightings import asked_for, weighing
from cotune.journal import read_journal
from cotune.mixture import Mixture

SMALL = {
    "budget": {"tokens": 1000},
    "dev_rows": 8,
    "train": {"batch_tokens": 256, "max_length": 160},
    "lora": {"layers": "top-1"},
}
TWO = ("weights", "study.yaml", "--datasets", "animals,fruits")
THREE = ("weights", "study.yaml", "--datasets", "animals,fruits,sounds")
FOLDER = "runs/study-weights"


@pytest.fixture
def study(model_place):
    datasets = [{"name": name, "path": f"data/{name}"} for name in ("animals", "fruits", "sounds")]
    made = {"model": "model", "targets": ["animals", "fruits"], "datasets": datasets}
    (model_place / "study.yaml").write_text(yaml.safe_dump(made | SMALL))
    return model_place


def requests(folder):
    return [(record.request.mixture.to_json(), record.request.seed) for record in read_journal(folder).records]


@pytest.mark.slow
def test_a_grid_is_trained_once_told_and_widened(study, cotune):
    assert "3 trainings are left, about " in cotune(*TWO, "--step", "0.25", "--dry-run").out
    first = cotune(*TWO, "--step", "0.25", "--in-process", "--out", "first.csv")
    assert first.code == 0, first.err
    quarter = [({"animals": a, "fruits": b}, 0) for a, b in ((1, 1), (1, 3), (3, 1))]
    assert requests(FOLDER) == quarter
    view = read_journal(FOLDER)
    assert view.settings["train"]["parts_of"] == "losses"
    assert set(view.datasets) == {"animals", "fruits"}
    assert view.logged("test") == []
    assert len({tuple(record.trial.exposure.items()) for record in view.records}) == 1
    assert len({record.trial.results["animals"].loss for record in view.records}) == 3

    again = cotune(*TWO, "--step", "0.25", "--in-process", "--out", "again.csv")
    assert "Nothing was left to train." in again.out
    assert (study / "again.csv").read_text() == (study / "first.csv").read_text()
    assert requests(FOLDER) == quarter

    assert "5 weightings of animals, fruits" in cotune(*TWO, "--step", "0.2", "--dry-run").out
    wider = cotune(*TWO, "--step", "0.2", "--in-process", "--json", "train.width=4")
    assert wider.code == 0, wider.err
    assert requests(FOLDER)[3:] == [({"animals": a, "fruits": b}, 0) for a, b in ((1, 4), (2, 3), (3, 2), (4, 1))]
    assert all("4 side by side" in record.trial.device for record in read_journal(FOLDER).records[3:])
    told = json.loads(wider.out)
    assert [line["mixture"] for line in told["weightings"]] == [mixture for mixture, _ in requests(FOLDER)[:1]] + [
        mixture for mixture, _ in requests(FOLDER)[3:]
    ]
    assert told["level"] == pytest.approx(1 - 0.05 / 4)
    assert not (study / "runs" / "study").exists()


@pytest.mark.slow
def test_the_table_says_what_was_measured(study, cotune):
    done = cotune(*TWO, "--step", "0.25", "--seeds", "0,1", "--in-process", "--out", "table.csv", "--runs", "other")
    assert done.code == 0, done.err
    records = read_journal("other/study-weights").records
    with (study / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["weight:animals"]), float(row["weight:fruits"])) for row in rows] == [
        (0.5, 0.5),
        (0.25, 0.75),
        (0.75, 0.25),
    ]
    for row, parts in zip(rows, ({"animals": 1, "fruits": 1}, {"animals": 1, "fruits": 3}), strict=False):
        mine = [record.trial.results for record in records if record.request.mixture.to_json() == parts]
        assert row["seeds"] == "2"
        for name in parts:
            assert float(row[f"score:{name}"]) == pytest.approx(sum(one[name].score for one in mine) / 2)
            assert float(row[f"loss:{name}"]) == pytest.approx(sum(one[name].loss for one in mine) / 2)
    assert "equal" in rows[0]["marks"]
    best = next(row for row in rows if "best mean" in row["marks"])
    assert float(best["mean"]) == max(float(row["mean"]) for row in rows)
    fair = next(row for row in rows if "best worst target" in row["marks"])
    assert float(fair["worst"]) == max(float(row["worst"]) for row in rows)
    assert "best mean" in done.out
    command = done.out.splitlines()[-1].removeprefix("Next: cotune ")
    parts = Mixture.of({name: round(4 * float(best[f"weight:{name}"])) for name in ("animals", "fruits")}).to_json()
    trained = cotune(*shlex.split(command))
    assert trained.code == 0, trained.err
    (record,) = read_journal("other/study-weights").logged("training")
    assert record.payload["trainings"][0]["mixture"] == parts


@pytest.mark.slow
def test_a_sweep_tells_the_trade_off_of_its_priority(study, cotune):
    done = cotune(*THREE, "--priority", "sounds", "--in-process", "--json", "--runs", "swept")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    along = told["tradeoff"]
    assert along["factors"] == pytest.approx([0.25, 0.5, 1, 2, 4, 8])
    losses = [line["losses"] for line in told["weightings"]]
    assert along["own"] == [loss["sounds"] for loss in losses]
    assert along["rest"] == pytest.approx([(loss["animals"] + loss["fruits"]) / 2 for loss in losses])
    assert along["sentence"].startswith("As the factor of sounds goes from 0.25 to 8, its dev loss ")
    assert [line["scores"].keys() for line in told["weightings"]] == [{"animals": 0, "fruits": 0}.keys()] * 6


@pytest.mark.slow
def test_where_all_diverge_nothing_is_said_to_be_best(study, cotune):
    wild = ("train.lr=1e30", "train.clip=null", "train.warmup=0", "--in-process", "--runs", "wild")
    done = cotune(*TWO, "--step", "0.25", *wild)
    assert done.code == 2
    assert "No weighting finished with a score for animals, fruits. See why with: cotune status" in done.errors[0]


def test_weightings_are_a_study_of_their_own_whatever_the_study_looks_for(study):
    changes = (
        "objective=worst",
        "levels=3",
        "keep.sounds=0.1",
        "search.balancers=[dwa]",
        "scoring.metric_for=[sounds]",
    )
    opened = weighing(open_study(study / "study.yaml", changes), ["fruits", "animals"])
    config = opened.config
    assert (str(opened.folder), config.name) == (FOLDER, "study-weights")
    assert [entry.name for entry in config.datasets] == ["animals", "fruits"]
    assert (config.objective, config.levels, config.keep, config.required) == ("mean", 1, {}, ("fruits", "animals"))
    assert (config.search.balancers, config.scoring.metric_for) == ((), ())
    again = weighing(opened, ["fruits", "animals"])
    assert (again.folder, again.config) == (opened.folder, config)


def test_the_command_for_the_final_training_names_the_best_weighting(study):
    opened = weighing(open_study(study / "study.yaml"), ["animals", "fruits"])
    best = Mixture.of({"animals": 3, "fruits": 1})
    work = Weighing(opened, opened.problem(), "", ("animals", "fruits"), (best,), (0,))
    assert work._next(best) == f"cotune train {FOLDER} --mix animals=3,fruits --out best/"
    assert parse_mixture("animals=3,fruits", work.problem) == best


def test_a_target_that_is_not_trained_on_is_still_measured(study):
    opened = weighing(open_study(study / "study.yaml"), ["animals", "sounds"])
    assert [entry.name for entry in opened.config.datasets] == ["animals", "fruits", "sounds"]


def test_equal_weights_come_first_and_once():
    thirds = asked_for(list("abc"), step=None, priority=None)
    assert (len(thirds), thirds[0]) == (37, Mixture.of("abc"))
    halves = asked_for(list("ab"), step=None, priority=None)
    assert (len(halves), halves[0]) == (9, Mixture.of("ab"))
    assert len(asked_for(list("abc"), step=None, priority="b")) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--datasets", "animals"), "two or more different datasets"),
        (("--datasets", "animals,animals"), "two or more different datasets"),
        (("--datasets", "animals,fruts"), "Unknown datasets ['fruts'] in --datasets; the pool has"),
        ((*THREE[2:], "--step", "0.3"), "divides 1"),
        ((*THREE[2:], "--step", "0"), "divides 1"),
        ((*THREE[2:], "--step", "0.01"), "4,851 weightings of 3 datasets"),
        ((*THREE[2:], "--step", "0.5"), "0 weightings of 3 datasets"),
        ((*TWO[2:], "--priority", "sounds"), "Unknown datasets ['sounds'] in --priority"),
        ((*TWO[2:], "--priority", "fruits", "--step", "0.1"), "--step is that of a grid"),
        ((*TWO[2:], "--seeds", "0,0"), "--seeds takes different whole numbers"),
        ((*TWO[2:], "train.balancer=coba"), "balancer 'coba' would weigh them too"),
        ((*TWO[2:], "train.balancer=importance"), "balancer 'importance' would weigh them too"),
        ((*TWO[2:], "train.mixing=grape"), "mixing 'grape' would weigh them too"),
        ((*TWO[2:], "train.weights.fruits=2"), "train.weights would weigh them too"),
        ((*TWO[2:], "train.overrides.fruits.weight=2"), "weights in train.overrides would weigh them too"),
        ((*TWO[2:], "--out", "no/table.csv"), "does not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_trained(study, refused, words, said):
    assert said in refused("weights", "study.yaml", *words, "--runs", "none", "--in-process")
    assert not (study / "none").exists()


def test_an_evaluation_of_ones_own_has_no_losses_to_weigh(place, refused):
    assert "an evaluation of your own" in refused("weights", "study.yaml", "--datasets", "a,b")
    assert not (place / "runs").exists()
