"""Disks and files that fail: each a clear message, nothing lost, and a way on."""

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import study_program

from cotune import Mixture, Problem, Task
from cotune.journal import DiskFullError, Journal, JournalError, read_journal, rebuild
from cotune.search import random
from cotune.study import Study
from cotune.trial import Proposal, Request, Trial, each

DATABASE = "journal.sqlite"


def run(folder: Path, trials: int = 6) -> Study:
    study = Study(folder, study_program.PROBLEM)
    study.run(each(study_program.measure), sampler=random, trials=trials)
    return study


def open_journal(folder: Path, **options: float) -> Journal:
    datasets = {task.name: task.fingerprint for task in study_program.PROBLEM.tasks}
    return Journal(folder, settings={"objective": {"a": 1.0}}, datasets=datasets, seed=0, **options)  # type: ignore[arg-type]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    run(tmp_path / "whole")
    return tmp_path / "whole"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory that a test may fill or make read-only."""
    place = tmp_path / "mount"
    place.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True).returncode:
        pytest.skip("this machine does not let one mount a small disk to fill")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def resize(place: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


# Damage


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 0.75, 0.99])
def test_a_truncated_journal_is_named_and_rebuilt_equal(whole: Path, share: float) -> None:
    before = study_program.essence(whole)
    database = whole / DATABASE
    os.truncate(database, int(share * database.stat().st_size))
    with pytest.raises(JournalError) as caught:
        run(whole)
    assert str(database) in str(caught.value)
    assert "cotune run --rebuild" in str(caught.value)
    rebuild(whole)
    assert study_program.essence(whole) == before
    assert run(whole, trials=8).stopped == "trials"


@pytest.mark.parametrize("where", [0, 20, 100, 4096, 5000])
def test_garbage_in_the_journal_never_passes_unseen(whole: Path, where: int) -> None:
    before = study_program.essence(whole)
    with (whole / DATABASE).open("r+b") as stream:
        stream.seek(where)
        stream.write(bytes(range(256)) * 16)
    with pytest.raises(JournalError, match="rebuild"):
        run(whole)
    rebuild(whole)
    assert study_program.essence(whole) == before


def test_a_deleted_database_is_not_begun_afresh(whole: Path) -> None:
    before = study_program.essence(whole)
    (whole / DATABASE).unlink()
    with pytest.raises(JournalError, match="missing or empty"):
        run(whole)
    rebuild(whole)
    assert study_program.essence(whole) == before


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.95])
def test_a_lost_or_torn_write_ahead_log_loses_nothing(tmp_path: Path, share: float) -> None:
    """What a power cut may leave: the database as it was, its log gone or torn, the trials' own files whole."""
    with open_journal(tmp_path / "study") as journal:
        run_pending(journal)
        shutil.copytree(tmp_path / "study", tmp_path / "cut")
        before = study_program.essence(tmp_path / "study")
    log = tmp_path / "cut" / f"{DATABASE}-wal"
    os.truncate(log, int(share * log.stat().st_size))
    (tmp_path / "cut" / f"{DATABASE}-shm").unlink()
    if log.stat().st_size == 0:
        log.unlink()
    if (tmp_path / "cut" / DATABASE).stat().st_size == 0:
        rebuild(tmp_path / "cut")
    open_journal(tmp_path / "cut").close()
    assert study_program.essence(tmp_path / "cut") == before


def run_pending(journal: Journal) -> None:
    proposals = random(study_program.PROBLEM, [], [], np.random.default_rng(0), 5)
    for record in journal.propose(proposals)[:4]:
        journal.finish(record.number, study_program.measure(record.request))


def test_half_written_files_of_a_kill_are_cleared_away(whole: Path) -> None:
    before = study_program.essence(whole)
    for name in ("trials/000009.json.tmp", "settings.json.tmp", "journal.sqlite.tmp-wal"):
        (whole / name).write_text('{"half')
    run(whole)
    assert not list(whole.glob("**/*.tmp*"))
    assert study_program.essence(whole) == before


def test_a_damaged_trial_file_is_named_by_rebuild(whole: Path) -> None:
    (whole / "trials" / "000002.json").write_text("{")
    with pytest.raises(JournalError, match=r"000002\.json"):
        rebuild(whole)
    run(whole, trials=8)  # the database itself is whole
    assert len(read_journal(whole).records) == 9


def test_a_newer_or_foreign_database_is_refused(whole: Path, tmp_path: Path) -> None:
    with sqlite3.connect(whole / DATABASE) as connection:
        connection.execute("PRAGMA user_version = 99")
    for read in (run, read_journal):
        with pytest.raises(JournalError, match="newer cotune"):
            read(whole)
    (tmp_path / "other").mkdir()
    with sqlite3.connect(tmp_path / "other" / DATABASE) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(JournalError, match="no journal of cotune"):
        run(tmp_path / "other")


def test_one_trial_file_that_cannot_be_written_costs_only_that_file(tmp_path: Path) -> None:
    run(tmp_path, trials=2)
    (tmp_path / "trials" / "000003.json").mkdir()
    study = run(tmp_path)
    assert study.stopped == "trials"
    assert len(study.records()) == 7
    assert "000003.json" in str(read_journal(tmp_path).logged("warning")[0].payload["message"])


# Locks


def hold(database: Path, go: threading.Event, done: threading.Event) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    go.set()
    done.wait(timeout=30)
    connection.execute("COMMIT")
    connection.close()


def test_a_lock_by_another_program_is_waited_for_and_then_named(tmp_path: Path) -> None:
    for patience, release in ((10.0, 0.3), (0.2, 5.0)):
        go, done = threading.Event(), threading.Event()
        with open_journal(tmp_path, wait_seconds=patience) as journal:
            proposals = [proposal(seed=int(release * 10))]
            holder = threading.Thread(target=hold, args=(tmp_path / DATABASE, go, done))
            holder.start()
            go.wait()
            timer = threading.Timer(release, done.set)
            timer.start()
            if patience > release:
                journal.propose(proposals)
            else:
                with pytest.raises(JournalError, match="locked by another program"):
                    journal.propose(proposals)
            done.set()
            timer.cancel()
            holder.join()
    assert len(read_journal(tmp_path).records) == 1


def proposal(seed: int) -> Proposal:
    return Proposal(Request(Mixture.of("ab"), seed), "test")


# Places


def test_a_read_only_disk_is_refused_up_front_but_can_be_read(mount: Path) -> None:
    resize(mount, 8 << 20)
    run(mount / "study")
    before = study_program.essence(mount / "study")
    subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
    calls: list[Request] = []
    for folder in (mount / "study", mount / "new"):
        with pytest.raises(JournalError, match="Read-only file system"):
            Study(folder, study_program.PROBLEM).run(each(lambda request: calls.append(request)))  # type: ignore[func-returns-value, arg-type, return-value]
    assert calls == []
    assert study_program.essence(mount / "study") == before


def test_a_folder_without_permission_is_refused_up_front() -> None:
    with TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        (Path(base) / "locked").mkdir(mode=0o555)
        with as_another_user(), pytest.raises(JournalError) as caught:
            run(Path(base) / "locked" / "study")
    assert "Permission denied" in str(caught.value)
    assert "choose another folder" in str(caught.value)


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root may write anywhere: it steps down meanwhile."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", ["trials", "lock", "log.jsonl", "settings.json", DATABASE])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / name).symlink_to(outside / "target" if name != "trials" else outside)
    with pytest.raises(JournalError, match="is a link"):
        run(tmp_path / "study")
    assert list(outside.iterdir()) == []


def test_a_leftover_that_is_a_link_is_not_written_through(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    (whole / "trials" / "000007.json.tmp").symlink_to(tmp_path / "outside")
    (whole / "trials" / "000008.json").symlink_to(tmp_path / "outside")
    run(whole, trials=10)
    assert not (whole / "trials" / "000008.json").is_symlink()
    assert (tmp_path / "outside").read_text() == "mine"


def test_a_file_in_the_folders_place_and_a_name_with_nul_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for name in ("file", "file/study", "nul\0name", "x" * 300):
        with pytest.raises(JournalError):
            run(tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


HOSTILE = [
    *["../x", "..", ".", "/etc/x", "a/b", "a\\b", "C:x", "a:b", "", " ", "a ", " a", ".hidden", "-rf", "a\0b", "a\nb"],
    *["a\tb", "\x1b[2J", "x" * 101, "ü" * 60, "~/../x", "....//x", "%2e%2e/x", "a/../../b", "\\\\host\\x", "..\\x"],
    *["\u202eabc", "/", "//", "./x"],
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_dataset_name_never_reaches_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="dataset name"):
        Task(name)
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_allowed_stay_inside_the_study(tmp_path: Path) -> None:
    names = ["con", "a b", "ünï", "$(touch x)", "`x`", "'; DROP TABLE trials; --", "A", "a", "000001.json", "x" * 100]
    problem = Problem([Task(name) for name in names], targets=[names[5]])
    study = Study(tmp_path / "study", problem)
    study.run(each(lambda request: {names[5]: 0.5}), sampler=random, trials=12)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]
    assert {path.name for path in (tmp_path / "study").iterdir()} <= {
        "trials", "lock", "log.jsonl", "settings.json", DATABASE
    }  # fmt: skip
    assert all(path.stem.isdigit() for path in (tmp_path / "study" / "trials").iterdir())
    assert len(study.records()) == 12  # the winner is an anchor: two of three seeds confirm, one is left


# A full disk


@pytest.mark.slow
def test_a_disk_that_fills_up_anywhere_loses_nothing_and_the_study_goes_on(mount: Path, tmp_path: Path) -> None:
    resize(mount, 8 << 20)
    expected = study_program.essence(run(mount / "whole", trials=10).folder)
    shutil.rmtree(mount / "whole")
    full = 0
    for index, size in enumerate([*range(8, 308, 12), 400, 600, 1000]):
        folder = mount / f"study{index}"
        resize(mount, size << 10)
        message = run_noting(folder, seen=[])
        done = finished(folder)
        resize(mount, 8 << 20)
        if message is not None:
            assert "disk is full" in message
            assert str(mount) in message
            full += 1
        again: list[Request] = []
        assert run_noting(folder, seen=again) is None
        assert not done & set(again)
        assert study_program.essence(folder) == expected
        assert not list(folder.glob("**/*.tmp*"))
        shutil.rmtree(folder)
    print(f"{full} of {index + 1} sizes were too small")
    assert 20 <= full <= index


def run_noting(folder: Path, seen: list[Request]) -> str | None:
    """Runs the study, noting what is trained; gives the message if the disk is full."""
    try:
        Study(folder, study_program.PROBLEM).run(each(noting(seen)), sampler=random, trials=10)
    except DiskFullError as error:
        return str(error)
    return None


def noting(seen: list[Request]) -> Callable[[Request], Trial]:
    def evaluate(request: Request) -> Trial:
        seen.append(request)
        return study_program.measure(request)

    return evaluate


def finished(folder: Path) -> set[Request]:
    try:
        return {record.request for record in read_journal(folder).records if record.trial}
    except (FileNotFoundError, JournalError):
        return set()
