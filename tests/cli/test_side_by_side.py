"""A study whose fine-tunings run side by side is the study that runs them one by one, also when it was killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cotune.cli.app import call
from cotune.journal import read_journal

pytestmark = pytest.mark.slow

SMALL = [
    "budget.tokens=1500",
    "dev_rows=12",
    "train.batch_tokens=256",
    "train.max_length=160",
    "lora.layers=top-1",
    "search.trials=8",
    "search.confirm=1",
    "search.batch=4",
]
PROGRAM = "from cotune.cli import main; main()"


def call_init(place):
    command = [sys.executable, "-c", PROGRAM, "init", "--pool", "data", "--target", "animals", "--model", "model"]
    return subprocess.run(command, cwd=place, check=True, capture_output=True, text=True).stdout


def study(name, width):
    return ["run", "study.yaml", *SMALL, f"name={name}", f"train.width={width}"]


def records_of(place, name):
    return read_journal(place / "runs" / name).records


def assert_equal(some, others):
    assert [record.request for record in some] == [record.request for record in others]
    for one, other in zip(some, others, strict=True):
        assert (other.trial.error, other.trial.exposure) == (None, one.trial.exposure)
        assert other.trial.train_loss == pytest.approx(one.trial.train_loss, rel=1e-4)
        for task, result in one.trial.results.items():
            assert other.trial.results[task].score == result.score
            assert other.trial.results[task].loss == pytest.approx(result.loss, rel=1e-4)


@pytest.fixture(scope="module")
def expected(model_place):
    (model_place / "study.yaml").write_text(call_init(model_place))
    assert call(study("alone", 1)) == 0
    return records_of(model_place, "alone")


def test_side_by_side_it_is_the_same_study(model_place, cotune, expected):
    done = cotune(*study("wide", 4))
    assert done.code == 0, done.err
    found = records_of(model_place, "wide")
    assert_equal(expected, found)
    places = [record.trial.device for record in found if len(record.request.mixture)]
    assert sum("side by side" in place for place in places) > len(places) / 2
    assert not any("side by side" in record.trial.device for record in expected)
    assert cotune("run", "study.yaml", *SMALL, "name=wide", "train.width=2").code == 0  # the width may change


def test_killed_and_run_again_it_is_still_the_same(model_place, cotune, expected):
    command = [sys.executable, "-c", PROGRAM, *study("killed", 4)]
    trials = model_place / "runs" / "killed" / "trials"
    for count in (1, 4):
        process = subprocess.Popen(command, cwd=model_place, start_new_session=True, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not trials.exists() or len(os.listdir(trials)) < count):
            time.sleep(0.02)
        time.sleep(0.3)  # into the next team
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = cotune(*study("killed", 4))
    assert done.code == 0, done.err
    assert_equal(expected, records_of(model_place, "killed"))


def test_an_interrupt_in_a_team_loses_nothing_that_was_finished(model_place, expected):
    command = [sys.executable, "-c", PROGRAM, *study("stopped", 4)]
    trials = model_place / "runs" / "stopped" / "trials"
    process = subprocess.Popen(command, cwd=model_place, start_new_session=True, stderr=subprocess.PIPE)
    while process.poll() is None and (not trials.exists() or len(os.listdir(trials)) < 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    finished = [record for record in records_of(model_place, "stopped") if record.trial is not None]
    assert finished
    assert_equal(expected[: len(finished)], finished)
