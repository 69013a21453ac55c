"""A dataset added to the pool, or taken from it, leaves earlier trials as evidence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from gains import GAINS, POOL, counted, measure, problem

from cotune import Mixture, Problem, Request, Task, Trial, each, search
from cotune.journal import JournalError
from cotune.mixture import BASE
from cotune.reporting import build_report
from cotune.search import Sampler
from cotune.study import Study
from cotune.trial import Evaluate, Proposal


def watched(sampler: Sampler = search.random) -> tuple[Sampler, list[list[Mixture]]]:
    """Gives a sampler and what it was told each time: the mixtures of the finished trials."""
    told: list[list[Mixture]] = []

    def propose(
        problem: Problem, trials: Sequence[Trial], pending: Sequence[Request], rng: np.random.Generator, count: int
    ) -> list[Proposal]:
        told.append([trial.request.mixture for trial in trials])
        return sampler(problem, trials, pending, rng, count)

    return propose, told


def mixtures(study: Study) -> list[Mixture]:
    return [record.request.mixture for record in study.records()]


def requests(study: Study) -> list[Request]:
    return [record.request for record in study.records()]


def trained(study: Study) -> int:
    return sum(record.attempts for record in study.records() if len(record.request.mixture))


def test_an_added_dataset_keeps_every_trial_as_evidence(tmp_path: Path) -> None:
    Study(tmp_path, problem("abcd")).run(each(measure), sampler=search.random, trials=12)
    before = Study(tmp_path, problem("abcd")).records()
    evaluate, calls = counted()
    sampler, told = watched()
    study = Study(tmp_path, problem("abcde"))
    study.run(evaluate, sampler=sampler, trials=20)
    assert study.records()[: len(before)] == before
    assert 12 < trained(study) <= 20
    assert [request.mixture for request in calls[:2]] == [Mixture.of("abcde")] * 2  # the anchor that is new, two seeds
    assert set(told[0]) >= {record.request.mixture for record in before}
    assert len(set(requests(study))) == len(study.records())
    assert BASE not in [request.mixture for request in calls]
    verdict = study.verdict()
    assert verdict.winner is not None
    assert not [line for line in verdict.warnings if "No finished run" in line]


def test_earlier_trials_alone_can_win_in_the_larger_pool(tmp_path: Path) -> None:
    Study(tmp_path, problem("abcd")).run(each(measure), sampler=search.default, trials=16)
    study = Study(tmp_path, problem("abcde"))
    study.run(each(measure), sampler=search.default, trials=22)
    assert study.verdict().winner == Mixture.of("abd")  # e hurts
    assert any("e" in mixture for mixture in mixtures(study))


def test_a_removed_dataset_leaves_the_trials_without_it(tmp_path: Path) -> None:
    Study(tmp_path, problem("abcde")).run(each(measure), sampler=search.random, trials=16)
    before = Study(tmp_path, problem("abcde")).records()
    evaluate, calls = counted()
    sampler, told = watched()
    study = Study(tmp_path, problem("abcd"))
    study.run(evaluate, sampler=sampler, trials=24)
    assert study.records()[: len(before)] == before
    assert trained(study) == 24  # what was spent on e is spent
    assert {request.seed for request in requests(study) if request.mixture == Mixture.of("abcd")} >= {0, 1}
    assert all("e" not in request.mixture for request in calls)
    kept = [record.request.mixture for record in before if "e" not in record.request.mixture]
    assert told[0][: len(kept)] == kept
    assert all("e" not in mixture for trials in told for mixture in trials)
    winner = study.verdict().winner
    assert winner is not None
    assert "e" not in winner
    report = build_report(problem("abcd"), study.records())
    gone = [line for line in report.trials if "e" in line.mixture.split(" + ")]
    assert len(report.trials) == len(study.records())
    assert len(gone) == sum("e" in mixture for mixture in mixtures(study))
    assert report.combinations == 8


def test_what_was_removed_counts_again_when_it_comes_back(tmp_path: Path) -> None:
    Study(tmp_path, problem("abcde")).run(each(measure), sampler=search.random, trials=12)
    first = Study(tmp_path, problem("abcde")).records()
    Study(tmp_path, problem("abcd")).run(each(measure), sampler=search.random, trials=18)
    sampler, told = watched()
    study = Study(tmp_path, problem("abcde"))
    study.run(each(measure), sampler=sampler, trials=36)
    assert {record.request.mixture for record in first} <= set(told[0])
    assert study.records()[: len(first)] == first
    assert mixtures(study).count(Mixture.of("abcde")) >= 2


def test_a_pending_request_on_a_removed_dataset_waits_and_runs_when_it_is_back(tmp_path: Path) -> None:
    study = Study(tmp_path, problem("abcde"))

    def stop_at_everything(request: Request) -> dict[str, float]:
        if request.mixture == Mixture.of("abcde"):
            study.request_stop()
        return measure(request)

    study.run(each(stop_at_everything), sampler=search.random, trials=12, batch=2)
    waiting = [record.request for record in study.records() if record.trial is None]
    assert any("e" in request.mixture for request in waiting)
    Study(tmp_path, problem("abcd")).run(each(measure), sampler=search.random, trials=12)
    still = [record.request for record in study.records() if record.trial is None]
    assert still == [request for request in waiting if "e" in request.mixture]
    study.run(each(measure), sampler=search.random, trials=20)
    assert all(record.trial is not None for record in study.records())


def test_a_dataset_with_other_content_is_no_addition(tmp_path: Path) -> None:
    Study(tmp_path, problem("abcd")).run(each(measure), trials=4)
    changed = [Task("d", fingerprint="other") if task.name == "d" else task for task in POOL]
    with pytest.raises(JournalError, match="dataset 'd' has other content"):
        Study(tmp_path, Problem(changed, ["a"])).run(each(measure), trials=6)


def test_a_removed_dataset_that_comes_back_with_other_content_is_refused(tmp_path: Path) -> None:
    Study(tmp_path, problem("abcde")).run(each(measure), sampler=search.random, trials=6)
    Study(tmp_path, problem("abcd")).run(each(measure), sampler=search.random, trials=8)
    changed = [Task("e", fingerprint="other") if task.name == "e" else task for task in POOL]
    with pytest.raises(JournalError, match="dataset 'e' has other content"):
        Study(tmp_path, Problem(changed, ["a"])).run(each(measure), trials=10)


def test_what_all_trials_say_of_other_datasets_is_read_where_one_is_new(tmp_path: Path) -> None:
    """Earlier trials have no score on the new dataset; the default search learns from the others all the same."""

    def scored_on(names: str) -> Evaluate:
        return each(lambda request: {name: measure(request)["a"] - 0.01 * ord(name) for name in names})

    Study(tmp_path, problem("abcd")).run(scored_on("abcd"), trials=12)
    study = Study(tmp_path, problem("abcde"))
    study.run(scored_on("abcde"), trials=30)
    later = [record.proposal for record in study.records()[14:]]
    predicted = [proposal for proposal in later if proposal.mean is not None]
    assert predicted
    errors = [abs((p.mean or 0) - (sum(GAINS[n] for n in p.request.mixture.names) - 0.97)) for p in predicted]
    assert np.median(errors) < 0.1
