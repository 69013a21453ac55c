"""Simulated studies: their truth, their steps, and what is counted of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.calibration import Outcome, simulate, summary
from benchmarks.graded import draw_graded
from benchmarks.in_memory import conclude

from cotune import Study, search
from cotune.study.plan import Plan
from cotune.study.steps import Course
from cotune.trial import Request


def test_the_true_score_is_that_of_many_rows_and_seeds():
    pool = replace(draw_graded(0, 1, is_flat=False, sizes=(4,)), rows=4000)
    mixture, evaluate = next(iter(pool.quality)), pool.evaluate()
    scores = [trial.results["t00"].score for trial in evaluate([Request(mixture, seed) for seed in range(20)])]
    # rows and what a mixture makes of them are drawn once for all seeds: 4000 rows leave a standard error of 0.008
    assert pool.truth(mixture) == pytest.approx(np.mean(scores), abs=0.025)


def test_where_nothing_differs_all_true_scores_are_equal_and_elsewhere_they_are_not():
    for is_flat in (True, False):
        pool = draw_graded(0, 2, is_flat=is_flat)
        assert (len({pool.truth(mixture) for mixture in pool.quality}) == 1) == is_flat


def test_a_study_in_memory_takes_the_steps_of_one_in_a_folder(tmp_path: Path):
    pool = draw_graded(0, 3, is_flat=False, sizes=(4,))
    problem, trials = pool.problem(), 16
    records = conclude(Course(problem, search.process, Plan(trials, base=False), seed=5), pool.evaluate())
    study = Study(tmp_path / "study", problem, seed=5)
    study.run(pool.evaluate(), sampler=search.process, trials=trials, base=False)
    assert [record.request for record in records] == [record.request for record in study.records()]
    assert problem.value(records[-1].trial) == problem.value(study.records()[-1].trial)


def test_a_simulated_study_says_what_it_claims_and_what_is_true():
    outcome = simulate((4, False), sampler="random", trials=16)
    assert outcome == simulate((4, False), sampler="random", trials=16)
    assert outcome.confirmed
    assert outcome.fine_tunings <= 16
    assert len(outcome.against) == len(outcome.estimates) == len(outcome.truths) > 0
    assert outcome.winner_regret >= 0


def test_false_winners_and_coverage_are_counted():
    def outcome(low: float, high: float, truth: float, *, is_flat: bool) -> Outcome:
        return Outcome(0, is_flat, 1.0, 0.5, True, 16, ("target only",), ((low + high) / 2,), (low,), (high,), (truth,))

    flat = [outcome(0.1, 0.2, 0.0, is_flat=True), *[outcome(-0.1, 0.2, 0.0, is_flat=True)] * 3]
    others = [outcome(0.1, 0.3, 0.2, is_flat=False), outcome(0.1, 0.3, 0.4, is_flat=False)]
    text = summary([*flat, *others])
    first, second, third = text.splitlines()[2:5]
    assert first.split("|")[2].split()[0] == "0.250"
    assert second.split("|")[2].split()[0] == "0.750"
    assert third.split("|")[2].split()[0] == "0.500"
