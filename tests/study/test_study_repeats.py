from pathlib import Path

import numpy as np
import pytest
from gains import counted, problem, score

from cotune import Mixture, Request, TaskResult, Trial
from cotune.search import process
from cotune.study import Study
from cotune.study.repeats import repeats, with_repeats
from cotune.trial import Proposal, Record

NOISY = 0.2


def noisy(request: Request) -> dict[str, float]:
    rng = np.random.default_rng([request.seed, *map(ord, "".join(request.mixture.names)), 1])
    return {"a": score(request) + float(rng.normal(0, NOISY))}


def exact(request: Request) -> dict[str, float]:
    return {"a": score(Request(request.mixture))}


def records(scores: dict[str, list[float]]) -> list[Record]:
    trials = [
        Trial(Request(Mixture.of(names), seed), {"a": TaskResult(value)})
        for names, values in scores.items()
        for seed, value in enumerate(values)
    ]
    return [Record(number, Proposal(trial.request, "search"), trial, attempts=1) for number, trial in enumerate(trials)]


LEAD = {"a": [0.4, 0.5], "abcde": [0.5, 0.45], "ab": [0.61], "abd": [0.6]}


def test_the_leaders_are_repeated_with_fresh_seeds():
    first, second = repeats(problem(), records(LEAD), 2)
    assert {first.request, second.request} == {Request(Mixture.of("ab"), 1), Request(Mixture.of("abd"), 1)}
    assert first.improvement >= second.improvement > 0


@pytest.mark.parametrize("scores", [{"a": [0.4], "ab": [0.61]}, {"a": [0.4, 0.4], "ab": [0.61]}])
def test_nothing_is_repeated_where_no_noise_was_seen(scores):
    assert repeats(problem(), records(scores), 2) == []


def test_a_repeat_takes_the_place_of_what_promises_less_and_of_nothing_else():
    new = Mixture.of("abe")
    (best,) = repeats(problem(), records(LEAD), 1)
    for factor, is_repeated in ((0.5, True), (2.0, True), (8.0, False)):
        proposal = Proposal(Request(new), "predicted", improvement=factor * best.improvement)
        assert with_repeats(problem(), records(LEAD), [proposal]) == [best if is_repeated else proposal]
    silent = Proposal(Request(new), "random")
    assert with_repeats(problem(), records(LEAD), [silent]) == [silent]


@pytest.mark.parametrize(
    ("measure", "confirm", "is_repeated"), [(noisy, 0, True), (exact, 0, False), (noisy, 3, False)]
)
def test_a_study_repeats_where_runs_are_noisy_and_nothing_confirms(tmp_path: Path, measure, confirm, is_repeated):
    evaluate, calls = counted(measure)
    study = Study(tmp_path / "study", problem())
    study.run(evaluate, sampler=process, trials=20, confirm=confirm, base=False)
    again = [record for record in study.records() if record.proposal.reason.startswith("repeat")]
    assert (len(again) > 0) == is_repeated
    assert len(set(calls)) == len(calls)


def test_a_study_that_was_stopped_makes_the_same_repeats(tmp_path: Path):
    whole, parts = Study(tmp_path / "whole", problem()), Study(tmp_path / "parts", problem())
    whole.run(counted(noisy)[0], sampler=process, trials=18, confirm=0, base=False)
    for trials in (9, 13, 18):
        parts.run(counted(noisy)[0], sampler=process, trials=trials, confirm=0, base=False)
    assert [record.request for record in parts.records()] == [record.request for record in whole.records()]
