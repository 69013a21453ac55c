"""The winner under several balancers: run, counted, resumed, reported; and what is refused before anything runs."""

import json

import pytest
import yaml

from cotune.journal import read_journal

SMALL = {
    "budget": {"tokens": 1500},
    "dev_rows": 12,
    "train": {"batch_tokens": 512, "max_length": 160},
    "lora": {"layers": "top-1"},
    "search": {"trials": 10, "confirm": 2, "sampler": "random", "balancers": ["equal", "dwa", "mftcoder"]},
}


@pytest.fixture
def study(model_place):
    """Every mixture holds two datasets, so that there is something to balance."""
    datasets = [{"name": name, "path": f"data/{name}"} for name in ("animals", "fruits", "sounds")]
    made = {"model": "model", "targets": ["animals"], "required": ["animals", "fruits"], "datasets": datasets}
    (model_place / "study.yaml").write_text(yaml.safe_dump(made | SMALL))
    return model_place / "runs" / "study"


@pytest.mark.slow
def test_balancers_are_tried_on_the_winner_within_the_trials(study, cotune):
    done = cotune("run", "study.yaml", "--in-process", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    main = [record for record in read_journal(study).records if len(record.request.mixture)]
    tried = {name: read_journal(study / "balancers" / name).records for name in ("dwa", "mftcoder")}
    assert len(main) + sum(map(len, tried.values())) <= 10
    seeds = {record.request.seed for record in main if record.proposal.reason == "confirm: winner"} or {101, 102}
    for name, records in tried.items():
        assert {record.request.seed for record in records} == seeds
        assert {tuple(record.request.mixture.to_json().items()) for record in records} == {
            tuple(said["winner"].items())
        }
        assert {record.trial.balancing.balancer for record in records} == {name}
    assert {rival["balancer"] for rival in said["balancers"]["rivals"]} == {"dwa", "mftcoder"}
    again = cotune("run", "study.yaml", "--in-process")
    assert again.code == 0, again.err
    assert said["balancers"]["sentence"] in again.out
    assert all(read_journal(study / "balancers" / name).records == records for name, records in tried.items())
    report = cotune("report", "study.yaml", "--json")
    found = json.loads(report.out)
    assert found["contest"]["sentence"] == said["balancers"]["sentence"]
    assert found["cost"]["fine_tunings"] == len(main) + 4
    assert said["balancers"]["sentence"] in (study / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("search.balancers=[dwe]", "did you mean 'dwa'"),
        ("search.balancers=[dwa, dwa]", "repeated: ['dwa']"),
        ("search.confirm=0", "set search.confirm to 2 or more"),
        ("search.trials=7", "set search.trials to 8 or more"),
        ("train.mixing=grape", "mixing 'grape' goes with no balancer"),
        ("search.balancers=[arml]", "all of ['animals', 'fruits', 'sounds'] are targets"),
    ],
)
def test_balancers_that_cannot_be_compared_are_refused(study, cotune, change, words):
    targets = ["targets=[animals, fruits, sounds]"] if "arml" in change else []
    run = ["run", "study.yaml", change, *targets, "--in-process", "--runs", "elsewhere"]
    for command in (run, ["check", "study.yaml", change, *targets, "--no-measure"]):
        done = cotune(*command)
        assert done.code == 2
        assert words in done.err
        assert "search.balancers" in done.err or "dwe" in change
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("train.balancer=arml", "Balancer 'arml' weighs datasets by what they do for the targets"),
        ("train.mixing=drop", "Mixing 'drop' judges datasets by what they do for the targets"),
        ("train.curriculum=hints", "Curriculum 'hints' shows other datasets before the targets"),
        ("search.balancers=[arml]", "search.balancers: Balancer 'arml'"),
    ],
)
def test_a_dry_run_refuses_what_a_run_would_and_both_write_nothing(study, cotune, change, words):
    own = ["search.balancers=[]"] if "search" not in change else []
    command = ["run", "study.yaml", *own, change, "targets=[animals, fruits, sounds]", "--runs", "nowhere"]
    for done in (cotune(*command, "--dry-run"), cotune(*command), cotune("check", *command[1:-2], "--no-measure")):
        assert done.code == 2
        assert words in " ".join(done.err.split())
        assert "Traceback" not in done.err
    assert not (study.parent.parent / "nowhere").exists()


def test_a_curriculum_is_named_on_the_command_line(study, cotune):
    """It is what the same word in the file is: known, and refused where it does not suit the datasets."""
    assert cotune("run", "study.yaml", "--curriculum", "sequential", "--dry-run").code == 0
    done = cotune("run", "study.yaml", "--curriculum", "sequential", "targets=[animals, fruits, sounds]", "--dry-run")
    assert done.code == 2
    assert "Curriculum 'sequential' shows other datasets before the targets" in " ".join(done.err.split())


@pytest.mark.slow
def test_a_winner_of_one_dataset_is_said_to_leave_nothing_to_balance(study, cotune):
    alone = ["required=[animals]", "search.sampler=target_only", "search.trials=8", "--runs", "alone"]
    done = cotune("run", "study.yaml", *alone, "--in-process")
    assert done.code == 0, done.err
    winner = json.loads(cotune("report", "alone/study", "--json").out)["verdict"]["winner"]
    said = "the winner has one dataset, nothing to balance; dwa, mftcoder were not tried"
    assert winner == {"animals": 1}
    assert said in " ".join(done.err.split())


@pytest.mark.slow
def test_dropout_and_gradients_at_the_hidden_state_do_not_keep_balancers_apart(study, cotune):
    """A balancer that looks without dropout says so in its settings, and one of weights knows no hidden state."""
    own = ["train.balancer={name: mgda, at: hidden}", "lora.dropout=0.1", "search.balancers=[equal, coba]"]
    done = cotune("run", "study.yaml", *own, "search.trials=8", "--in-process", "--json", "--runs", "dropped")
    assert done.code == 0, done.err
    assert {rival["balancer"] for rival in json.loads(done.out)["balancers"]["rivals"]} == {"equal", "coba"}
