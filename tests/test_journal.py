"""The journal keeps what it is given, refuses what cannot be compared, and can be read at any time."""

import csv
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotune.journal import Journal, JournalError, export_csv, export_jsonl, read_journal, rebuild
from cotune.journal.database import insert_requests, insert_trial, split, transaction
from cotune.journal.folder import file_system
from cotune.mixture import BASE, Mixture
from cotune.tally import Tally
from cotune.trial import ExampleResults, Exposure, Proposal, Record, Request, TaskResult, Trial
from cotune.trial_json import (
    dump,
    examples_to_json,
    proposal_from_json,
    proposal_to_json,
    trial_from_json,
    trial_to_json,
)

SETTINGS = {"model": "tiny", "budget": {"tokens": 200_000}, "lora": {"rank": 8}}
DATA = {"a": "11", "b": "22"}
NAMES = ("a", "b", "ü & co")


def open_journal(folder: Path, **changes: object) -> Journal:
    arguments: dict[str, object] = {"settings": SETTINGS, "datasets": DATA, "seed": 0, **changes}
    return Journal(folder, **arguments)  # type: ignore[arg-type]


def propose(journal: Journal, *seeds: int, names: tuple[str, ...] = ("a",)) -> list[Record]:
    return journal.propose([Proposal(Request(Mixture.of(names), seed), "test", 0.5, 0.1, 0.02) for seed in seeds])


def trial_of(record: Record, score: float = 0.5) -> Trial:
    rows = ExampleResults(("1", "2"), ((Tally("", 1, 2),), (Tally("", 0, 1),)), (0.1, 0.2), (3, 4), ("yes", "nö"))
    results = {"a": TaskResult(score, 1.25, {"accuracy": 0.5}, 1, rows), "b": TaskResult(loss=2.0)}
    return Trial(record.request, results, {"a": Exposure(100, 10, 0.5, 1)}, 1.5, "cpu", (3.0, 2.0))


floats = st.floats(allow_nan=False)
tallies = st.builds(Tally, st.text(max_size=3), floats, floats)
examples = st.builds(
    ExampleResults,
    st.lists(st.text(max_size=4), max_size=3).map(tuple),
    st.lists(st.lists(tallies, max_size=2).map(tuple), max_size=3).map(tuple),
    st.lists(floats, max_size=3).map(tuple),
    st.lists(st.integers(0, 9), max_size=3).map(tuple),
    st.lists(st.text(max_size=4), max_size=3).map(tuple),
)
results = st.builds(
    TaskResult,
    st.none() | floats,
    st.none() | floats,
    st.dictionaries(st.text(max_size=3), floats),
    st.integers(0),
    examples,
)
requests = st.builds(
    Request,
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5)).map(Mixture.of),
    st.integers(0, 2**40),
    st.floats(0.01, 1),
)
trials = st.builds(
    Trial,
    requests,
    st.dictionaries(st.sampled_from(NAMES), results),
    st.dictionaries(
        st.sampled_from(NAMES), st.builds(Exposure, st.integers(0), st.integers(0), floats, st.integers(0))
    ),
    floats,
    st.text(max_size=5),
    st.lists(floats, max_size=4).map(tuple),
    st.none() | st.text(max_size=9),
    st.text(max_size=5),
)


@settings(max_examples=100, deadline=None)
@given(trials)
def test_a_trial_comes_back_from_json_exactly(trial: Trial) -> None:
    body, kept = json.loads(dump(trial_to_json(trial))), json.loads(dump(examples_to_json(trial)))
    assert trial_from_json(body, kept) == trial


def test_the_nan_of_a_diverged_trial_survives_strict_json() -> None:
    body = dump(trial_to_json(Trial(Request(BASE), train_loss=(2.0, float("nan"), float("inf")), error="diverged")))
    assert "NaN" not in body
    assert str(trial_from_json(json.loads(body)).train_loss) == "(2.0, nan, inf)"


@given(st.builds(Proposal, requests, st.text(), st.none() | floats, st.none() | floats, st.none() | floats))
def test_a_proposal_comes_back_from_json_exactly(proposal: Proposal) -> None:
    assert proposal_from_json(json.loads(dump(proposal_to_json(proposal)))) == proposal


def test_what_was_recorded_is_there_after_reopening(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        records = propose(journal, 0, 1, 2)
        trial = trial_of(records[1])
        journal.finish(1, trial)
        before = journal.records()
    with open_journal(tmp_path) as journal:
        assert journal.records() == before
    assert [record.trial for record in before] == [None, trial, None]
    assert [record.proposal for record in before] == [record.proposal for record in records]
    assert [record.attempts for record in before] == [0, 1, 0]


def test_without_examples_all_but_the_examples_is_there(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        trial = trial_of(propose(journal, 0)[0])
        light = journal.finish(0, trial)
        assert journal.records(examples=False) == [light]
    (read,) = read_journal(tmp_path, examples=False).records
    assert read == light
    assert read.trial is not None
    assert read.trial.results["a"].examples == ExampleResults()
    assert read.trial.results["a"].metrics == {"accuracy": 0.5}


def test_requests_are_kept_before_they_run_all_or_none(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        propose(journal, 0)
        with pytest.raises(ValueError, match="fresh seed"):
            propose(journal, 5, 0)
        assert [record.request.seed for record in read_journal(tmp_path).records] == [0]


def test_a_trial_that_fits_no_request_is_refused(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        first, second = propose(journal, 0, 1)
        with pytest.raises(ValueError, match="No request has number 7"):
            journal.finish(7, trial_of(first))
        with pytest.raises(ValueError, match="got the trial of"):
            journal.finish(0, trial_of(second))
        journal.finish(0, trial_of(first))
        with pytest.raises(ValueError, match="finished already"):
            journal.finish(0, trial_of(first))


def test_failed_attempts_are_kept_beside_the_retry(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        (record,) = propose(journal, 0)
        journal.finish(0, Trial(record.request, error="out of memory"))
        assert journal.finish(0, trial_of(record)).attempts == 2
    kept = json.loads((tmp_path / "trials" / "000000.json").read_text())
    assert [attempt["trial"]["error"] for attempt in kept["attempts"]] == ["out of memory", None]
    assert read_journal(tmp_path).records[0].trial == trial_of(record)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {**SETTINGS, "budget": {"tokens": 50_000}}}, "budget.tokens: 200000 -> 50000"),
        ({"settings": {**SETTINGS, "budget": {"steps": 60}}}, "budget.steps: (none) -> 60"),
        ({"datasets": {"a": "11", "b": "changed"}}, "dataset 'b' has other content: 22 -> changed"),
        ({"seed": 3}, "search seed: 0 -> 3"),
    ],
)
def test_other_conditions_are_refused_with_their_difference(
    tmp_path: Path, change: Mapping[str, object], words: str
) -> None:
    with open_journal(tmp_path) as journal:
        propose(journal, 0)
    with pytest.raises(JournalError) as caught:
        open_journal(tmp_path, **change)
    assert words in str(caught.value)
    assert "--allow" in str(caught.value)
    with open_journal(tmp_path):  # the refusal left no lock and no trace
        assert len(read_journal(tmp_path).records) == 1


def test_an_allowed_change_opens_a_group_that_is_never_pooled(tmp_path: Path) -> None:
    other = {**SETTINGS, "budget": {"tokens": 50_000}}
    with open_journal(tmp_path) as journal:
        propose(journal, 0, 1)
    with open_journal(tmp_path, settings=other, allow=True) as journal:
        assert journal.records() == []
        assert [record.number for record in propose(journal, 0)] == [2]
        journal.log("note", {})
    with open_journal(tmp_path, settings=other) as journal:
        assert len(journal.records()) == 1
    view = read_journal(tmp_path)
    assert (view.group, len(view.records), len(view.log), view.settings["budget"]) == (1, 1, 1, {"tokens": 50_000})


def test_a_dataset_may_join_and_leave_the_pool(tmp_path: Path) -> None:
    for pool in (DATA, {**DATA, "c": "33"}, {"a": "11", "c": "33"}):
        with open_journal(tmp_path, datasets=pool) as journal:
            propose(journal, len(journal.records()))
    assert read_journal(tmp_path).datasets == {"a": "11", "b": "22", "c": "33"}
    with pytest.raises(JournalError, match="dataset 'b' has other content"):
        open_journal(tmp_path, datasets={"a": "11", "b": "55"})


def test_settings_that_are_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        open_journal(tmp_path, settings={"rate": float("nan")})


def test_readers_see_every_trial_while_the_writer_runs_and_a_second_writer_none(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        for record in propose(journal, 0, 1, 2):
            journal.finish(record.number, trial_of(record))
            done = [record for record in read_journal(tmp_path).records if record.trial]
            assert len(done) == record.number + 1
        with pytest.raises(JournalError, match="another process"):
            open_journal(tmp_path)
    open_journal(tmp_path).close()


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no study"):
        read_journal(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_the_log_is_read_by_kind_and_survives_a_torn_line(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.log("round", {"best": 0.5})
        journal.log("other", {})
    with (tmp_path / "log.jsonl").open("a") as stream:
        stream.write('{"at": 1, "gro')
    assert [entry.kind for entry in read_journal(tmp_path).log] == ["round", "other"]
    with open_journal(tmp_path) as journal:
        journal.log("round", {"best": 0.6})
        assert [entry.payload["best"] for entry in journal.logged("round")] == [0.5, 0.6]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["round", "other", "round"]


def test_a_rebuilt_journal_equals_the_original(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        first, second, _ = propose(journal, 0, 1, 2)
        journal.finish(0, Trial(first.request, error="out of memory"))
        journal.finish(1, trial_of(second))
        journal.log("round", {"best": 0.5})
    with open_journal(tmp_path, seed=1, allow=True) as journal:
        propose(journal, 0, names=("a", "b"))
        journal.finish(3, trial_of(journal.records()[0]))
    before = read_journal(tmp_path)
    rebuild(tmp_path)
    assert read_journal(tmp_path) == before
    assert (tmp_path / "journal.sqlite.damaged").exists()


def test_a_moved_or_copied_study_goes_on(tmp_path: Path) -> None:
    with open_journal(tmp_path / "here") as journal:
        journal.finish(0, trial_of(propose(journal, 0)[0]))
    (tmp_path / "here").rename(tmp_path / "there")
    with open_journal(tmp_path / "there") as journal:
        assert len(journal.records()) == 1
        propose(journal, 1)
    assert not (tmp_path / "here").exists()


def test_exports_hold_every_record(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        first, second, _ = propose(journal, 0, 1, 2)
        journal.finish(0, trial_of(first))
        journal.finish(1, Trial(second.request, error="boom"))
    view, lines, table = read_journal(tmp_path), io.StringIO(), io.StringIO()
    export_jsonl(view, lines)
    export_csv(view, table)
    objects = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [found["status"] for found in objects] == ["finished", "failed", "pending"]
    assert trial_from_json(objects[0]["trial"], objects[0]["examples"]) == trial_of(first)
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert [row["score:a"] for row in rows] == ["0.5", "", ""]
    assert [row["tokens"] for row in rows] == ["100", "0", ""]
    assert [row["parts:a"] + row["parts:b"] for row in rows] == ["10", "10", "10"]
    assert rows[1]["error"] == "boom"


@pytest.mark.slow
def test_ten_thousand_trials_are_read_and_opened_in_seconds(tmp_path: Path) -> None:
    names = [f"set{index}" for index in range(12)]
    datasets = dict.fromkeys(names, "1")
    rows = ExampleResults(tuple(map(str, range(24))), losses=tuple(float(row) / 7 for row in range(24)))
    found = {name: TaskResult(0.5, 1.25, {}, 1, rows) for name in names}
    with open_journal(tmp_path, datasets=datasets) as journal, transaction(journal._connection):
        for number in range(10_000):
            request = Request(Mixture.of(names[:6]), number)
            insert_requests(journal._connection, 0, [Record(number, Proposal(request, "test"))])
            trial = Trial(request, found, dict.fromkeys(names[:6], Exposure(100, 10, 0.5)))
            insert_trial(journal._connection, number, 1, *split(trial))
            (tmp_path / "trials" / f"{number:06d}.json").write_text("{}")
    read, opened = [], []
    for _ in range(3):
        started = time.process_time()
        assert len(read_journal(tmp_path, examples=False).records) == 10_000
        read.append(time.process_time() - started)
        started = time.process_time()
        open_journal(tmp_path, datasets=datasets).close()
        opened.append(time.process_time() - started)
    print(f"read {min(read):.2f} s, opened {min(opened):.2f} s of processor time")
    assert min(read) < 2  # 0.9 to 1.4 s where it was written
    assert min(opened) < 2


def test_the_file_system_of_a_path_is_that_of_its_nearest_mount() -> None:
    lines = [
        "1 0 0:1 / / rw - ext4 /dev/a rw",
        "2 1 0:2 / /home rw,x shared:1 - nfs4 server:/x rw",
        "3 2 0:3 / /home/a\\040b rw - xfs d rw",
    ]
    mounts = "\n".join(lines)
    assert file_system(Path("/tmp/x"), mounts) == "ext4"
    assert file_system(Path("/home/me/runs"), mounts) == "nfs4"
    assert file_system(Path("/home/a b/runs"), mounts) == "xfs"
    assert file_system(Path("/x"), "") == ""
