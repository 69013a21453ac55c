"""A study whose fine-tunings run side by side is the study that runs them one by one, also when it was killed."""

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


def finished(place, name):
    """Gives the finished requests of a study that runs, or of none."""
    if not (place / "runs" / name / "settings.json").exists():
        return []
    return [record for record in records_of(place, name) if record.trial is not None]


def started(place, name, *, until):
    """Starts a study and gives its process once `until` requests have finished."""
    command = [sys.executable, "-c", PROGRAM, *study(name, 4)]
    process = subprocess.Popen(command, cwd=place, start_new_session=True, stderr=subprocess.PIPE)
    while process.poll() is None and len(finished(place, name)) < until:
        time.sleep(0.1)
    return process


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
    for count in (1, 4):  # in the first team, after it
        process = started(model_place, "killed", until=count)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert 4 <= len(finished(model_place, "killed")) < len(expected)
    done = cotune(*study("killed", 4))
    assert done.code == 0, done.err
    assert_equal(expected, records_of(model_place, "killed"))


def test_an_interrupt_in_a_team_loses_nothing_that_was_finished(model_place, expected):
    process = started(model_place, "stopped", until=1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    kept = finished(model_place, "stopped")
    assert 1 <= len(kept) < len(expected)
    numbers = [record.number for record in kept]
    assert_equal([expected[number] for number in numbers], kept)
