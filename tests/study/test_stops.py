"""A study stops by the rule it names, whatever its pool and its scores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gains import measure, problem, run, sampler

from cotune import Mixture, Problem, Request, Task, each
from cotune.journal import read_journal
from cotune.mixture import BASE
from cotune.search import process
from cotune.study import Study
from cotune.testing import Regime, landscape


def test_hours_stop_before_the_next_batch(tmp_path: Path) -> None:
    study = run(tmp_path, hours=1e-9)
    assert (study.stopped, study.records()) == ("hours", [])
    assert run(tmp_path, trials=4).stopped == "trials"


def test_patience_counts_searched_trials_without_a_better_value(tmp_path: Path) -> None:
    study = run(tmp_path, each(lambda request: {"a": 0.5}), patience=3, confirm=1)
    reasons = [record.proposal.reason.split(":")[0] for record in study.records()]
    assert reasons == ["base"] + ["anchor"] * 4 + ["random"] * 3 + ["confirm"] * 2
    assert study.stopped == "patience"
    assert len(run(tmp_path, each(lambda request: {"a": 0.5}), patience=3, confirm=1).records()) == len(reasons)


def test_a_small_expected_improvement_stops(tmp_path: Path) -> None:
    study = run(tmp_path, min_improvement=0.5 / 7.5, confirm=0)  # offered: 0.5 / (1 + trials), five trials at first
    assert sum(record.proposal.reason == "random" for record in study.records()) == 2
    assert study.stopped == "improvement"


def by_seed(request: Request) -> dict[str, float]:
    """Scores every mixture alike, so that seeds 0 and 1 of an anchor differ by 0.01: an sd of 0.01 / sqrt(2)."""
    return {"a": 0.5 + 0.01 * request.seed}


def test_an_expected_improvement_within_the_noise_between_seeds_stops(tmp_path: Path) -> None:
    fraction = 0.5 / 7.5 / (0.01 / 2**0.5)  # offered: 0.5 / (1 + trials), five trials at first
    study = run(tmp_path, each(by_seed), min_improvement_noise=fraction, confirm=0)
    assert sum(record.proposal.reason == "random" for record in study.records()) == 2
    assert study.stopped == "improvement"
    (entry,) = read_journal(study.folder).logged("stopped")
    assert "of the noise between seeds (0.00707, from 2 repeats)" in str(entry.payload["message"])
    again = run(tmp_path, each(by_seed), min_improvement_noise=fraction, confirm=0)
    assert again.records() == study.records()


@pytest.mark.parametrize(("evaluate", "repeats"), [(by_seed, False), (lambda request: {"a": 0.5}, True)])
def test_without_repeats_or_without_noise_no_fraction_of_it_stops(
    tmp_path: Path, evaluate: Callable[[Request], dict[str, float]], repeats: bool
) -> None:
    study = run(tmp_path, each(evaluate), min_improvement_noise=1e6, repeats=repeats, confirm=0)
    assert study.stopped == "exhausted"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("regime", ["fixed", "growing"])
def test_noise_stops_a_search_once_nothing_is_left_to_gain(tmp_path: Path, regime: Regime, seed: int) -> None:
    land = landscape(regime, np.random.default_rng(seed), size=7, jitter=0.05)
    pool = list(land.problem().mixtures())
    truth = dict(zip(pool, land.scores(land.problem().encode(pool).astype(int))[:, 0], strict=True))
    noise = 0.1 * (max(truth.values()) - np.median(list(truth.values())))
    ends = {}
    for sd in (noise, 0.0):
        study = Study(tmp_path / str(sd), land.problem())
        evaluate = land.evaluate(noise=float(sd), seed=seed)
        study.run(evaluate, sampler=process, trials=40, min_improvement_noise=0.25, confirm=0, base=False)
        ends[sd] = study
    assert ends[0.0].stopped == "trials"
    assert ends[noise].stopped == "improvement"
    winner = ends[noise].verdict().winner
    assert winner is not None
    assert max(truth.values()) - truth[winner] <= 2 * noise


def test_an_exhausted_space_stops_and_confirms(tmp_path: Path) -> None:
    study = Study(tmp_path, problem("abc"))
    study.run(each(measure), sampler=sampler, trials=24)
    assert {record.request.mixture for record in study.records()} - {BASE} == set(problem("abc").mixtures())
    assert sum(record.proposal.reason.startswith("confirm") for record in study.records()) == 9
    assert study.stopped == "exhausted"


def test_when_every_trial_fails_the_study_says_so(tmp_path: Path) -> None:
    def fail(request: Request) -> dict[str, float]:
        raise RuntimeError("no such model")

    for trials in (1, 2, 24):
        study = run(tmp_path / str(trials), each(fail), trials=trials)
        assert study.stopped == "failures"
        (entry,) = read_journal(study.folder).logged("stopped")
        assert "every trial failed: first error: RuntimeError: no such model" in str(entry.payload["message"])
        assert study.verdict().winner is None


@pytest.mark.parametrize("names", ["a", "ab"])
def test_equal_scores_and_tiny_pools_end_honestly(tmp_path: Path, names: str) -> None:
    study = Study(tmp_path, problem(names))
    study.run(each(lambda request: {"a": 0.5}), sampler=sampler, trials=12)
    assert study.stopped == "exhausted"
    assert study.verdict().winner == Mixture.of("a")


@pytest.mark.parametrize("levels", [1, 3])
def test_two_hundred_datasets_are_searched(tmp_path: Path, levels: int) -> None:
    study = Study(tmp_path, Problem([Task(f"t{index}") for index in range(200)], targets=["t0"], levels=levels))
    study.run(each(lambda request: {"t0": 1 / (1 + len(request.mixture))}), trials=8)
    assert study.stopped == "trials"
