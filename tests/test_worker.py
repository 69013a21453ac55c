"""What happens in a worker's child stays there: a crash costs one trial, a hang its time-out, a mistake one message."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker_factories as factories
from cotune import Mixture, Problem, Request, Task
from cotune.study import Study
from cotune.study.outcomes import outcomes
from cotune.trial import Comparable, Progress
from cotune.worker import Worker
from cotune.worker.child import Factory

HERE = Path(__file__).parent


def requests(*seeds: int) -> list[Request]:
    return [Request(Mixture.of("ab"), seed) for seed in seeds]


def errors(worker: Worker, *seeds: int) -> dict[int, str | None]:
    return {trial.request.seed: trial.error for trial in worker(requests(*seeds))}


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    yield
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if children.exists():
        servers = children.read_text().split()
        left = [Path(f"/proc/{number}/task/{number}/children").read_text() for number in servers]
        assert not "".join(left), "a worker's child outlived its worker"


def test_a_worker_gives_what_its_evaluation_gives_and_relays_progress(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[Progress] = []
    with Worker(factories.steady, progress=told.append) as worker:
        here = list(factories.steady(lambda progress: None)(requests(0, 1, 2)))
        capfd.readouterr()
        assert list(worker(requests(0, 1, 2))) == here
    assert told[0] == Progress(None, "load", 0, 1)
    assert [(found.request.seed, found.done) for found in told if found.request] == [
        (seed, step) for seed in (0, 1, 2) for step in (1, 2)
    ]
    assert capfd.readouterr().out == ""


def test_one_child_serves_all_batches() -> None:
    with Worker(factories.process_id) as worker:
        scores = {trial.results["a"].score for _ in range(3) for trial in worker(requests(0, 1))}
    assert len(scores) == 1
    assert scores != {float(os.getpid())}


def test_settings_come_from_the_child_with_hugging_face_quiet() -> None:
    with Worker(factories.tuned) as worker:
        assert isinstance(worker, Comparable)
        assert worker.settings() == {"budget": {"tokens": 7}, "quiet": "error", "child": True}
    with Worker(factories.steady) as worker:
        assert worker.settings() == {}
    assert "TRANSFORMERS_VERBOSITY" not in os.environ


def test_the_width_is_the_childs() -> None:
    for factory, width in ((factories.wide, 3), (factories.steady, 1)):
        with Worker(factory) as worker:
            assert worker.side_by_side() == width


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_child_fails_the_running_request_and_the_rest_goes_on(number: signal.Signals) -> None:
    with Worker(factories.DiesAt(by_signal=(2,), number=number)) as worker:
        found = errors(worker, 1, 2, 3)
        assert errors(worker, 4) == {4: None}
    assert (found[1], found[3]) == (None, None)
    assert f"killed by signal {int(number)} ({number.name})" in str(found[2])
    assert ("out of memory suspected" in str(found[2])) == (number == signal.SIGKILL)


def test_a_child_that_exits_is_named() -> None:
    with Worker(factories.DiesAt(by_exit=(1,))) as worker:
        assert errors(worker, 1, 2) == {1: "the worker process ended by itself (exit code 3)", 2: None}


def test_a_hanging_request_ends_at_its_timeout() -> None:
    with Worker(factories.DiesAt(by_hanging=(2,)), timeout=1.0) as worker:
        started = time.monotonic()
        assert errors(worker, 1, 2, 3) == {1: None, 2: "timeout after 1 s", 3: None}
        assert time.monotonic() - started < 6


def test_requests_that_run_side_by_side_have_their_time_together() -> None:
    with Worker(factories.SideBySide(seconds=1.2), timeout=0.5) as worker:
        assert errors(worker, 1, 2, 3) == {1: None, 2: None, 3: None}
    with Worker(factories.SideBySide(seconds=600.0), timeout=0.3) as worker:
        started = time.monotonic()
        assert set(errors(worker, 1, 2).values()) == {"timeout after 0.3 s"}
        assert time.monotonic() - started < 6


def test_a_death_of_several_side_by_side_is_blamed_on_the_one_that_dies_alone() -> None:
    with Worker(factories.SideBySide(seconds=0.0, fatal=2)) as worker:
        found = errors(worker, 1, 2, 3)
    assert (found[1], found[3]) == (None, None)
    assert "killed by signal 9" in str(found[2])


def test_memory_beyond_the_limit_fails_the_trial(tmp_path: Path) -> None:
    with Worker(factories.greedy, memory=3 << 30) as worker:
        study = Study(tmp_path, Problem([Task("a"), Task("b")], targets=["a"]))
        study.run(worker, trials=1)
    assert "MemoryError" in str(study.records()[1].trial)


def test_an_exception_in_a_batch_is_raised_as_it_was_and_the_child_lives() -> None:
    with Worker(factories.DiesAt(by_raising=(2,))) as worker:
        with pytest.raises(ValueError, match="seed 2 is refused"):
            list(worker(requests(1, 2, 3)))
        assert errors(worker, 4) == {4: None}
    with Worker(factories.raises_unpicklable) as worker, pytest.raises(RuntimeError, match="Unpicklable: 1 and 2"):
        list(worker(requests(1)))


@pytest.mark.parametrize("factory", [factories.raises_json_error, factories.raises_unpicklable])
def test_an_exception_is_placed_where_it_was_raised_however_it_is_pickled(factory: Factory) -> None:
    problem = Problem([Task("a"), Task("b")], targets=["a"])
    with Worker(factory) as worker:
        (trial,) = outcomes(problem, worker, requests(1), is_stopped=lambda: False)
    assert re.search(r"\((decoder|worker_factories)\.py:\d+\)$", str(trial.error)), trial.error


def test_a_mistake_in_the_factory_is_raised_as_it_was() -> None:
    for ask in (Worker.settings, lambda worker: list(worker(requests(1)))):
        with Worker(factories.no_such_model) as worker, pytest.raises(ValueError, match="Did you mean 'SmolLM2'"):
            ask(worker)
    with Worker(factories.dies_while_loading) as worker, pytest.raises(ChildProcessError, match="signal 9"):
        worker.settings()


def test_a_timeout_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        Worker(factories.steady, timeout=0)


@pytest.mark.parametrize("factory", [factories.DiesAt(by_hanging=(2,)), factories.Chatty()])
def test_a_wish_to_stop_abandons_the_running_request_in_a_moment(factory: factories.DiesAt) -> None:
    with Worker(factory) as worker:
        worker.settings()
        threading.Timer(0.3, worker.request_stop).start()
        started = time.monotonic()
        assert [trial.request.seed for trial in worker(requests(2, 3))] == []
        assert time.monotonic() - started < 3


def test_a_wish_to_stop_while_loading_interrupts() -> None:
    with Worker(factories.loads_for_ever) as worker:
        threading.Timer(0.3, worker.request_stop).start()
        with pytest.raises(KeyboardInterrupt):
            worker.settings()


def test_a_caller_that_walks_away_leaves_no_child_at_work() -> None:
    with Worker(factories.DiesAt(by_hanging=(2,))) as worker:
        next(iter(worker(requests(1, 2))))
        assert errors(worker, 3) == {3: None}


def test_a_study_over_a_worker_that_crashes_goes_on(tmp_path: Path) -> None:
    study = Study(tmp_path, Problem([Task(name) for name in "abc"], targets=["a"]))
    with Worker(factories.DiesAt(by_signal=(1,))) as worker:
        study.run(worker, trials=12, batch=3)
    failed = [record for record in study.records() if record.trial and not record.trial.is_finished]
    assert [record.request.seed for record in failed] == [1, 1]
    assert all(record.attempts == 2 and "signal 9" in str(record.trial) for record in failed)


PARENT = """
import sys, os, signal, time
import worker_factories as factories
from cotune import Mixture, Request
from cotune.worker import Worker

def show(progress):
    print("running", flush=True)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
    worker = Worker(factories.{factory}, progress=show)
    list(worker([Request(Mixture.of("ab"), 2)]))
"""


def run_parent(tmp_path: Path, factory: str) -> "subprocess.Popen[str]":
    (tmp_path / "parent.py").write_text(PARENT.format(factory=factory))
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def family(session: int) -> set[int]:
    """Gives the processes of a session that are alive."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.add(int(stat.parent.name))
    return found


def dies_out(session: int, *, seconds: float) -> bool:
    """Whether no process of a session is left after at most `seconds`."""
    started = time.monotonic()
    while family(session) and time.monotonic() - started < seconds:
        time.sleep(0.05)
    return not family(session)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    parent = run_parent(tmp_path, "DiesAt(by_hanging=(2,))")
    assert parent.stdout is not None
    assert parent.stdout.readline() == "running\n"
    assert len(family(parent.pid)) >= 3  # itself, the fork server, the child
    parent.kill()
    parent.wait()
    assert dies_out(parent.pid, seconds=5)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_child_lives_through_the_terminals_ctrl_c_but_not_through_its_parents_end(tmp_path: Path) -> None:
    parent = run_parent(tmp_path, "DiesAt(by_hanging=(2,))")
    assert parent.stdout is not None
    assert parent.stdout.readline() == "running\n"
    children = family(parent.pid) - {parent.pid}
    for child in children:
        os.kill(child, signal.SIGINT)
    time.sleep(0.3)
    assert children == family(parent.pid) - {parent.pid}
    parent.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in parent.communicate(timeout=30)[1]
    assert dies_out(parent.pid, seconds=5)


def test_a_program_that_forgot_to_close_its_worker_still_ends(tmp_path: Path) -> None:
    parent = run_parent(tmp_path, "steady")
    assert parent.communicate(timeout=20)[1].count("Traceback") == 0
    assert parent.returncode == 0
