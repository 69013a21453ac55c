"""Ctrl-C, SIGTERM and kill -9: what has finished is kept, and the study goes on as if nothing had happened."""

import json
import os
import random
import signal
import time

import pytest
from programs import start

from cotune.journal import read_journal


def finish(process):
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def wait_for_trials(folder, count, process):
    """Waits until the study has ended so many trials."""
    for _ in range(1200):
        try:
            done = [record for record in read_journal(folder, examples=False).records if record.trial is not None]
        except (FileNotFoundError, ValueError):
            done = []
        if len(done) >= count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError(f"no {count} trials in a minute")


def contents(folder):
    """Gives what two equal studies share: requests, reasons and scores, in order."""
    view = read_journal(folder)
    return [(record.number, record.proposal, dict(record.trial.results)) for record in view.records]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_a_run_says_how_to_go_on_and_loses_nothing(place, number, code):
    process = start("run", "study.yaml", "--trials", 6, seconds=0.3)
    wait_for_trials(place / "runs" / "study", 2, process)
    process.send_signal(number)
    began = time.monotonic()
    returned, out, err = finish(process)
    assert time.monotonic() - began < 10
    assert (returned, out) == (code, "")
    assert "Go on with: cotune run study.yaml search.trials=6" in err
    done = [record for record in read_journal(place / "runs" / "study").records if record.trial is not None]
    assert len(done) >= 2
    assert all(record.trial.is_finished for record in done)


@pytest.mark.slow
def test_a_study_stopped_by_ctrl_c_and_gone_on_equals_one_left_alone(place):
    assert finish(start("run", "study.yaml", "name=alone"))[0] == 0
    process = start("run", "study.yaml", seconds=0.2)
    wait_for_trials(place / "runs" / "study", 3, process)
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    assert finish(start("run", "study.yaml"))[0] == 0
    assert contents(place / "runs" / "study") == contents(place / "runs" / "alone")


@pytest.mark.slow
def test_ctrl_c_reaches_the_whole_group_as_a_terminal_sends_it(place):
    process = start("run", "study.yaml", seconds=0.3, start_new_session=True)
    wait_for_trials(place / "runs" / "study", 1, process)
    os.killpg(process.pid, signal.SIGINT)
    assert finish(process)[0] == 130


@pytest.mark.slow
def test_killed_at_random_moments_a_study_ends_as_one_left_alone(place):
    assert finish(start("run", "study.yaml", "name=alone"))[0] == 0
    moments = random.Random(5)
    for _ in range(6):
        process = start("run", "study.yaml", seconds=0.1)
        time.sleep(moments.uniform(0.3, 3.0))
        process.kill()
        process.communicate()
    assert finish(start("run", "study.yaml"))[0] == 0
    assert contents(place / "runs" / "study") == contents(place / "runs" / "alone")


@pytest.mark.slow
def test_a_second_run_beside_a_running_one_is_refused(place):
    process = start("run", "study.yaml", seconds=2)
    wait_for_trials(place / "runs" / "study", 1, process)
    code, _, err = finish(start("run", "study.yaml"))
    assert code == 2
    assert "being run by another process" in err
    status = finish(start("status", "study.yaml", "--json"))
    assert status[0] == 0
    assert json.loads(status[1])["finished"] >= 0
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130


def test_a_reader_that_leaves_early_is_no_error(place):
    process = start("space", "study.yaml", "--list", 8)
    process.stdout.close()
    process.wait(timeout=60)
    assert "Traceback" not in process.stderr.read()
