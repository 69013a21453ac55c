"""A study equals itself however it was cut up, and goes on where its conditions allow it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gains import POOL, Tuned, counted, essence, measure, problem, run, sampler

from cotune import Mixture, Problem, Request, each
from cotune.journal import JournalError, read_journal
from cotune.study import Plan, Study
from cotune.study.steps import Course, search_end


class Cut(BaseException):
    """Stands for a sudden end of the program in the middle of a trial."""


def test_a_second_run_trains_nothing(tmp_path: Path) -> None:
    before = run(tmp_path, trials=10).records()
    evaluate, calls = counted()
    assert run(tmp_path, evaluate, trials=10).records() == before
    assert calls == []


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cut", range(0, 26, 3))
def test_cut_and_resumed_a_study_equals_an_uninterrupted_one(tmp_path: Path, cut: int, batch: int) -> None:
    run(tmp_path / "whole", trials=20, batch=batch)
    left = [cut]

    def cutting(request: Request) -> dict[str, float]:
        left[0] -= 1
        if left[0] < 0:
            raise Cut
        return measure(request)

    for _ in range(3):
        left[0] = cut
        try:
            run(tmp_path / "cut", each(cutting), trials=20, batch=batch)
        except Cut:
            continue
    evaluate, calls = counted()
    done = {record.request for record in Study(tmp_path / "cut", problem()).records() if record.trial}
    run(tmp_path / "cut", evaluate, trials=20, batch=batch)
    assert not done & set(calls)
    assert essence(tmp_path / "cut") == essence(tmp_path / "whole")


def test_a_search_that_ended_under_an_earlier_version_stays_ended(tmp_path: Path) -> None:
    expected = 0.5 / 7.5
    study = run(tmp_path, trials=30, min_improvement=expected, confirm=1)
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text().replace('"min_improvement_noise":null,', ""))
    assert "min_improvement_noise" not in log.read_text()
    course = Course(study.problem, sampler, Plan(30, min_improvement=expected, confirm=1), study.seed)
    entries = [entry.payload for entry in read_journal(tmp_path).logged("search ended")]
    assert search_end(course, entries) is not None


def test_replaying_the_records_gives_the_same_proposals(tmp_path: Path) -> None:
    study = run(tmp_path, trials=16)
    records = study.records()
    for index, record in enumerate(records):
        if record.proposal.reason == "random":
            trials = [earlier.trial for earlier in records[:index] if earlier.trial]
            rng = np.random.default_rng([study.seed, index])
            assert sampler(study.problem, trials, [], rng, 1) == [record.proposal]


def test_another_seed_searches_elsewhere_and_is_not_mixed(tmp_path: Path) -> None:
    first = run(tmp_path / "0", trials=12)
    second = Study(tmp_path / "1", problem(), seed=1)
    second.run(each(measure), sampler=sampler, trials=12)
    assert [record.request for record in first.records()] != [record.request for record in second.records()]
    with pytest.raises(JournalError, match="search seed: 0 -> 1"):
        Study(tmp_path / "0", problem(), seed=1).run(each(measure))


def test_a_changed_budget_dataset_or_target_stops_with_the_difference(tmp_path: Path) -> None:
    Study(tmp_path, problem()).run(Tuned(200_000), sampler=sampler, trials=3)
    changed = [replace(task, fingerprint="new") if task.name == "b" else task for task in POOL]
    attempts = [
        (problem(), 50_000, "budget.tokens: 200000 -> 50000"),
        (Problem(changed, targets=["a"]), 200_000, "dataset 'b' has other content"),
        (problem(targets="b"), 200_000, "objective.b: (none) -> 1.0"),
    ]
    for other, tokens, words in attempts:
        with pytest.raises(JournalError) as caught:
            Study(tmp_path, other).run(Tuned(tokens), sampler=sampler, trials=3)
        assert words in str(caught.value)
    study = Study(tmp_path, problem(), allow=True)
    study.run(Tuned(50_000), sampler=sampler, trials=3)
    assert len(study.records()) == 4


def test_a_dataset_added_keeps_old_trials_and_one_removed_leaves_out_its_own(tmp_path: Path) -> None:
    Study(tmp_path, problem("abc")).run(each(measure), sampler=sampler, trials=8)
    before = Study(tmp_path, problem("abc")).records()
    evaluate, calls = counted()
    study = Study(tmp_path, problem("abcd"))
    study.run(evaluate, sampler=sampler, trials=14)
    assert study.records()[: len(before)] == before
    assert Mixture.of("abcd") in {request.mixture for request in calls}
    assert not {record.request for record in before} & set(calls)
    small = Study(tmp_path, problem("ac"))
    small.run(evaluate, sampler=sampler, trials=16)
    assert set(calls[-1].mixture.names) <= {"a", "c"}
