"""Early stopping ends what cannot win, counts its share, lets it go on, and is resumed as it was."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from cotune import Mixture, Problem, Request, Study, Task, Trial, each
from cotune.config.names import SAMPLERS, named
from cotune.search import random
from cotune.study import Plan
from cotune.study.hopeless import Judge, judged, limit_of, promising, to_run
from cotune.study.phases import spent
from cotune.testing import Table
from cotune.trial import Point, Proposal, Record, Stop
from cotune.trial_json import proposal_from_json, proposal_to_json, trial_from_json, trial_to_json
from cotune.verdict import choose

JUDGE = Judge(least=4, sureness=0.9)


def pool(size=5, seed=0, noise=0.005):
    """A pool whose losses on the way are those at the end, higher by a constant, and some noise."""
    rng = np.random.default_rng(seed)
    parts = (np.arange(1, 2**size)[:, None] >> np.arange(size)) & 1
    end = 1 + parts @ rng.normal(0, 0.2, (size, size)) / parts.sum(axis=1, keepdims=True)  # [run, task]
    curve = np.stack([end + 1, end + 0.5], axis=1) + noise * rng.standard_normal((len(parts), 2, size))
    return Table(tuple("abcde")[:size], parts, -end, (0.25, 0.5), curve)


def run(folder, table, problem, **plan):
    study = Study(folder, problem, seed=1)
    study.run(table.evaluate("a"), sampler=random, repeats=False, base=False, **plan)
    return study


def rows(study):
    return [(r.request, r.trial.reached, r.trial.results, r.trial.curve) for r in study.records()]


def test_the_limit_is_where_the_upper_end_of_the_interval_meets_the_best():
    losses, values = [1.0, 2.0, 3.0, 4.0], [0.9, 0.7, 0.6, 0.4]
    limit = limit_of(losses, values, 0.9, JUDGE)
    # by hand: slope -0.16, mean 0.65 at 2.5, residual squares 0.002, so s = sqrt(0.001); t(2, 0.9) = 1.8856
    width = 1.8856181 * np.sqrt(0.001) * np.sqrt(1 + 1 / 4 + (limit - 2.5) ** 2 / 5)
    assert 0.65 - 0.16 * (limit - 2.5) + width == pytest.approx(0.9, abs=1e-6)


def test_the_surer_the_judge_and_the_lower_the_best_the_later_it_stops():
    rng = np.random.default_rng(0)
    losses = rng.uniform(1, 2, 12)
    values = -losses + 0.05 * rng.standard_normal(12)
    sure = [limit_of(losses, values, -1.0, Judge(sureness=level)) for level in (0.8, 0.9, 0.99)]
    assert sure == sorted(sure)
    assert len(set(sure)) == 3
    low = [limit_of(losses, values, best, Judge()) for best in (-1.0, -1.2, -1.4)]
    assert low == sorted(low)


def test_a_loss_that_says_nothing_or_too_few_trials_stop_nothing():
    rng = np.random.default_rng(0)
    losses, values = rng.uniform(1, 2, 20), rng.uniform(0, 1, 20)
    assert limit_of(losses, values, 1.0, Judge()) == inf
    assert limit_of(losses, losses, 1.0, Judge()) == inf  # the higher the loss, the better
    assert limit_of(losses[:5], -losses[:5], 0.0, Judge(least=6)) == inf
    assert limit_of([1.0] * 6, [0.5] * 6, 1.0, Judge()) == inf


def test_a_search_with_it_finds_the_same_winner_among_the_same_requests_and_spends_less(tmp_path):
    table = pool()
    problem = table.problem("a")
    plain = run(tmp_path / "plain", table, problem, trials=16)
    spared = run(tmp_path / "spared", table, problem, trials=16, early_stopping="auto")
    assert spent(spared.records()) < len(spared.records())
    assert any(record.trial.reached < 1 for record in spared.records())
    winners = [choose(problem, [record.trial for record in study.records()]) for study in (plain, spared)]
    assert winners[0] == winners[1]
    stopped = [record.request.mixture for record in spared.records() if record.trial.reached < 1]
    assert not {problem.target_only, problem.everything} & set(stopped)
    assert spared.verdict().winner == winners[1]


@pytest.mark.parametrize("name", ["default", "process", "anchored_greedy", "leave_one_out"])
def test_samplers_go_on_after_stopped_fine_tunings(tmp_path, name):
    table = pool(size=4)
    problem = table.problem("a")
    study = Study(tmp_path, problem, seed=1)
    sampler = named(name, SAMPLERS, what="sampler")
    study.run(table.evaluate("a"), sampler=sampler, trials=8, repeats=False, base=False, early_stopping="auto")
    asked = [record.request.mixture for record in study.records()]
    assert len(asked) == len(set(asked)) >= 5


def test_off_is_off(tmp_path):
    table = pool()
    study = run(tmp_path, table, table.problem("a"), trials=8)
    assert all(record.request.stop is None and record.trial.curve == () for record in study.records())


@pytest.mark.parametrize("after", [3, 9, 14])
def test_a_study_that_was_stopped_and_resumed_equals_one_that_was_not(tmp_path, after):
    table = pool(noise=0.05)
    problem = table.problem("a")
    whole = run(tmp_path / "whole", table, problem, trials=12, early_stopping="auto")
    study = Study(tmp_path / "parts", problem, seed=1)
    evaluate, seen = table.evaluate("a"), []

    def interrupted(requests):
        for trial in evaluate(requests):
            seen.append(trial)
            if len(seen) == after:
                study.request_stop()
            yield trial

    for _ in range(2):
        study.run(interrupted, sampler=random, trials=12, repeats=False, base=False, early_stopping="auto")
    assert rows(study) == rows(whole)
    assert [record.request.stop for record in study.records()] == [record.request.stop for record in whole.records()]


def record(number, names, value, loss, *, stop=None, reached=1.0, reason="random"):
    request = Request(Mixture.of(names), stop=stop)
    results = each(lambda _: {"a": value})
    (trial,) = results([request])
    curve = (Point(0.25, {"a": loss}),)
    trial = replace(trial, curve=curve, reached=reached, results=trial.results if reached == 1 else {})
    return Record(number, Proposal(request, reason), trial, attempts=1)


def test_what_is_hopeful_again_goes_on_to_its_end_and_counts_once():
    problem = Problem([Task(name) for name in "abcd"], targets=["a"])
    mixtures = ["a", "ab", "ac", "ad", "abc"]
    known = [record(i, names, 0.9 - 0.1 * i, 1 + i) for i, names in enumerate(mixtures)]
    stop = Stop((("a", 1.0),), ((0.25, 1.2), (0.5, 1.2)))
    halted = record(5, "abd", 0.0, 1.3, stop=stop, reached=0.25)
    hopeless = record(6, "acd", 0.0, 5.0, stop=stop, reached=0.25)
    noisy = [
        replace(one, trial=replace(one.trial, curve=(Point(0.25, {"a": 3.0 - 0.1 * one.number}),))) for one in known
    ]
    assert promising(problem, [*noisy, halted], JUDGE) == [halted]  # losses that say nothing any more
    line = [record(i, names, 0.9 - 0.1 * i + 0.03 * (-1) ** i, 1 + i) for i, names in enumerate(mixtures)]
    assert promising(problem, [*line, halted, hopeless], JUDGE) == [halted]
    assert spent([*known, halted]) == 6  # 5.25, begun ones whole
    asked = to_run(halted)
    assert asked == halted.request
    assert not asked.stop.is_hopeless(0.25, {"a": 99.0})
    (finished,) = each(lambda _: {"a": 0.95})([asked])
    ended = replace(halted, trial=replace(finished, curve=halted.trial.curve), attempts=2)
    assert spent([*known, ended]) == 6
    failed = replace(halted, trial=Trial(halted.request, error="x"), attempts=1)
    assert spent([*known, failed]) == 6


def test_only_what_the_search_proposes_may_be_stopped():
    problem = Problem([Task(name) for name in "abcd"], targets=["a"])
    known = [record(i, names, 0.9 - 0.1 * i, 1 + i) for i, names in enumerate(["a", "ab", "ac", "ad", "abc"])]
    reasons = ["anchor: target only", "repeat", "confirm: winner", "random"]
    asked = [Proposal(Request(Mixture.of("abd"), seed), reason) for seed, reason in enumerate(reasons)]
    limits = [proposal.request.stop.limits[0][1] for proposal in judged(problem, known, asked, JUDGE)]
    assert limits[:3] == [inf] * 3
    assert limits[3] < inf
    base = Proposal(Request(Mixture()), "base")
    assert judged(problem, known, [base], JUDGE) == [base]


def test_an_evaluation_that_tells_no_losses_is_never_stopped(tmp_path):
    problem = Problem([Task("a"), Task("b"), Task("c")], targets=["a"])
    study = Study(tmp_path, problem)
    study.run(each(lambda request: {"a": 0.1 * len(request.mixture)}), trials=4, early_stopping="auto")
    assert all(record.trial.reached == 1 for record in study.records())


def test_a_front_cannot_be_judged_by_one_value(tmp_path):
    problem = Problem([Task("a"), Task("b")], targets=["a", "b"], objective="pareto")
    with pytest.raises(ValueError, match="Pareto front has none"):
        Study(tmp_path, problem).run(each(lambda request: {"a": 0.5, "b": 0.5}), early_stopping="auto")
    with pytest.raises(ValueError, match="early_stopping is 'none' or 'auto'"):
        Plan(early_stopping="yes")


def test_stops_and_curves_survive_the_journal_and_old_trials_are_read():
    stop = Stop((("a", 0.5), ("b", 0.5)), ((0.25, 1.5), (0.5, inf)))
    proposal = Proposal(Request(Mixture.of("ab"), stop=stop), "random")
    assert proposal_from_json(proposal_to_json(proposal)).request.stop == stop
    trial = Trial(proposal.request, curve=(Point(0.25, {"a": 2.0, "b": float("inf")}),), reached=0.25)
    back = trial_from_json(trial_to_json(trial))
    assert (back.curve, back.reached, back.request.stop) == (trial.curve, 0.25, stop)
    plain = trial_to_json(Trial(Request(Mixture.of("a"))))
    assert not {"curve", "reached"} & set(plain)
    assert trial_from_json(plain).reached == 1


@pytest.mark.parametrize("fraction", [0.0, 1.0, 2.0])
def test_a_stop_lies_within_the_budget(fraction):
    with pytest.raises(ValueError, match="fraction of its budget"):
        Stop((("a", 1.0),), ((fraction, 1.0),))
