"""Killed before any one of its writes, a study loses nothing that it had finished and goes on as if nothing was."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import study_program

from cotune.journal import read_journal, rebuild
from cotune.search import random
from cotune.study import Study
from cotune.trial import Request, Trial, each

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate", "sqlite3.connect")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(folder: Path) -> None:
    Study(folder, study_program.PROBLEM).run(each(measure(folder)), sampler=random, trials=5, batch=2)


def measure(folder: Path) -> Callable[[Request], Trial]:
    """Notes on the disk what was trained, so that a repetition shows even after a kill."""

    def evaluate(request: Request) -> Trial:
        with (folder.parent / "trained").open("a") as stream:
            stream.write(f"{request.mixture} {request.seed}\n")
        return study_program.measure(request)

    return evaluate


def run_until_write(folder: Path, moment: int) -> bool:
    """Runs the study in a forked process that kills itself before its write number `moment`; tells whether it did."""
    process = os.fork()
    if process == 0:
        left = moment

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in EVENTS and str(folder) in str(arguments[0]):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            run(folder)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
def test_a_kill_before_each_write_loses_and_changes_nothing() -> None:
    with TemporaryDirectory(dir=MEMORY) as base:
        whole = Path(base) / "whole" / "study"
        run_until_write(whole, 10**9)
        expected = study_program.essence(whole)
        moment = 0
        while run_until_write(Path(base) / str(moment) / "study", moment):
            folder = Path(base) / str(moment) / "study"
            if moment % 2 and (folder / "settings.json").exists():
                rebuild(folder)  # as if the database had been lost besides
            run(folder)
            assert study_program.essence(folder) == expected, f"killed before write {moment}"
            trained = (folder.parent / "trained").read_text().splitlines()
            repeated = len(trained) - len(set(trained))
            assert repeated <= 2, f"more than the batch that was running is trained again at write {moment}"
            assert not list(folder.glob("**/*.tmp*"))
            assert all(record.attempts == 1 for record in read_journal(folder).records)
            moment += 1
        print(f"{moment} writes")
        assert moment > 40
