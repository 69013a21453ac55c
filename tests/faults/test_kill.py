"""A study that is killed with -9 at random moments and run again equals one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import study_program

from cotune.journal import read_journal, rebuild

PROGRAM = [sys.executable, study_program.__file__]
TRIALS = 30


def finished(folder: Path) -> Counter[int]:
    """Gives how often each request finished, from the files, which outlive everything."""
    if not (folder / "journal.sqlite").exists():
        return Counter()
    return Counter(record.number for record in read_journal(folder, examples=False).records if record.trial)


def start(folder: Path, *arguments: object) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*PROGRAM, str(folder), *map(str, arguments)], env=environment, stderr=subprocess.PIPE, start_new_session=True
    )


def wait_for_trials(folder: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    trials = folder / "trials"
    while process.poll() is None and (not trials.exists() or len(os.listdir(trials)) < count):
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "worker"), [(1, ()), (4, ()), (3, ("worker",))])
def test_killed_twenty_times_a_study_equals_an_uninterrupted_one(
    tmp_path: Path, batch: int, worker: tuple[str, ...]
) -> None:
    moments = random.Random(batch)
    options = (TRIALS, batch, 0.03, *worker)
    done: Counter[int] = Counter()
    kills = 0
    while kills < 20:
        process = start(tmp_path / "killed", *options)
        wait_for_trials(tmp_path / "killed", min(TRIALS, sum(done.values()) + moments.randint(0, 2)), process)
        time.sleep(moments.uniform(0, 0.06))  # anywhere in a trial, or in what is written between two
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        now = finished(tmp_path / "killed") if (tmp_path / "killed" / "settings.json").exists() else Counter()
        assert done <= now, "a finished trial was lost"
        done = now
    last = start(tmp_path / "killed", *options)
    assert last.communicate()[1] == b""
    assert start(tmp_path / "whole", *options).wait() == 0
    print(f"{kills} kills, batch {batch}")
    assert kills == 20
    assert study_program.essence(tmp_path / "killed") == study_program.essence(tmp_path / "whole")
    assert all(record.attempts == 1 for record in read_journal(tmp_path / "killed").records)
    rebuild(tmp_path / "killed")
    assert study_program.essence(tmp_path / "killed") == study_program.essence(tmp_path / "whole")


@pytest.mark.slow
def test_two_programs_cannot_run_one_study(tmp_path: Path) -> None:
    first = start(tmp_path, 30, 1, 0.2)
    wait_for_trials(tmp_path, 1, first)
    second = start(tmp_path, 30, 1, 0.0)
    assert b"is being run by another process" in second.communicate()[1]
    first.kill()
    first.wait()
    third = start(tmp_path, 4, 1, 0.0)
    assert third.communicate()[1] == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_program_in_a_moment_and_nothing_finished_is_lost(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = start(tmp_path, 6, 1, 60, "worker")  # each trial takes a minute
    wait_for_trials(tmp_path, 1, program)
    os.killpg(program.pid, number)  # as a terminal does: to the parent, the fork server and the child
    started = time.monotonic()
    assert program.communicate(timeout=20)[1] == b""
    assert time.monotonic() - started < 10
    assert program.returncode == 0
    assert read_journal(tmp_path).logged("stopped")[-1].payload["rule"] == "interrupted"
    assert {record.trial for record in read_journal(tmp_path).records} == {None}
    assert start(tmp_path, 6, 1, 0, "worker").communicate()[1] == b""
    start(tmp_path / "whole", 6, 1, 0).wait()
    assert study_program.essence(tmp_path) == study_program.essence(tmp_path / "whole")
