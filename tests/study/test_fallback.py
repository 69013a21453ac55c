"""A predictor that is worse than random is not followed: a search with it is nearly a random one."""

from pathlib import Path

import numpy as np
from gains import run
from records import inverted, plainly, record, searched, trials_of

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, each
from cotune.journal import read_journal
from cotune.search import leave_one_out, random
from cotune.study import Study
from cotune.study.fallback import RANDOM, REASON, is_fallback, propose
from cotune.trial import Evaluate, Proposal, Record

BIG = Problem([Task(name) for name in "abcdefghi"], targets=["a"])


def additive(seed: int) -> tuple[Evaluate, float]:
    """Gives an evaluation by gains of single datasets, and its best value."""
    gains = np.random.default_rng(seed).uniform(-0.1, 0.1, len(BIG.names))

    def value(request: Request) -> Trial:
        return Trial(request, {"a": TaskResult(float((BIG.encode([request.mixture]) @ gains)[0]))})

    return each(value), float(gains[0] + gains[1:].clip(min=0).sum())


def guarded(records: list[Record], rng: np.random.Generator) -> list[Proposal]:
    return propose(BIG, inverted, records, rng, 1)


def regret(records: list[Record], best: float) -> float:
    return best - max(BIG.value(trial) for trial in trials_of(records))


def test_a_search_that_was_deceived_recovers_by_random_proposals() -> None:
    plain, safe, chance = [], [], []
    for seed in range(12):
        evaluate, best = additive(seed)
        plain.append(regret(searched(BIG, plainly(BIG, inverted), evaluate, 30), best))
        safe.append(regret(searched(BIG, guarded, evaluate, 30), best))
        chance.append(regret(searched(BIG, plainly(BIG, random), evaluate, 18), best))
    assert np.mean(safe) < np.mean(plain)
    assert np.mean(safe) < 1.25 * np.mean(chance)  # of its 30 runs about 15 are random


def test_three_of_four_proposals_are_random_until_the_predictor_learns() -> None:
    evaluate, _ = additive(1)
    reasons = [record.proposal.reason == REASON for record in searched(BIG, guarded, evaluate, 40)]
    first = reasons.index(True)
    assert first == 10  # two anchors and eight predictions
    turns = "".join("r" if is_random else "p" for is_random in reasons[first:])
    assert turns.startswith("rrrp" * 4)
    mixtures = [*BIG.mixtures()]
    wrong = [record(n, mixtures[n], 0.5, mean=0.9, sd=0.01) for n in range(1, 10)]
    right = [record(n, mixtures[n], 0.5, mean=0.5, sd=0.01) for n in range(10, 15)]
    known = [record(0, mixtures[0], 0.5)]
    assert is_fallback(BIG, known + wrong, 1)
    assert not is_fallback(BIG, known + wrong + right, 1)


def test_a_batch_is_random_or_predicted_as_a_whole() -> None:
    records = [record(0, Mixture.of("a"), 0.5), record(900, Mixture.of(BIG.names), 0.5)]
    records += [record(n, mixture, 0.5, mean=0.9, sd=0.01) for n, mixture in enumerate([*BIG.mixtures()][1:10], 1)]
    turns = []
    for _ in range(8):
        proposals = propose(BIG, inverted, records, np.random.default_rng(len(records)), 2)
        assert len({proposal.request for proposal in proposals} | {one.request for one in records}) == len(records) + 2
        turns.append({proposal.reason == REASON for proposal in proposals})
        for proposal in proposals:
            trial = Trial(proposal.request, {"a": TaskResult(0.5)})
            records.append(Record(len(records), proposal, trial, attempts=1))
    assert turns == [*[{True}] * RANDOM, {False}] * 2


def test_a_sampler_without_predictions_is_never_replaced() -> None:
    evaluate, _ = additive(2)
    alone = searched(BIG, plainly(BIG, random), evaluate, 30)
    assert searched(BIG, lambda records, rng: propose(BIG, random, records, rng, 1), evaluate, 30) == alone


def test_a_sampler_without_predictions_that_follows_an_overfitted_one_is_soon_let_alone(tmp_path: Path) -> None:
    study = Study(tmp_path, BIG)
    worse = each(lambda request: {"a": 0.5 - 0.01 * len(request.mixture)})
    study.run(worse, sampler=lying, trials=14, confirm=0)
    study.run(worse, sampler=leave_one_out, trials=24, confirm=0)
    reasons = [record.proposal.reason for record in study.records() if record.proposal.mean is None][5:]
    assert reasons[:RANDOM] == [REASON] * RANDOM
    assert all(reason.startswith("leave out") for reason in reasons[RANDOM:])
    assert len(reasons) > RANDOM + 5


def test_a_study_that_fell_back_and_was_stopped_goes_on_as_it_would_have(tmp_path: Path) -> None:
    def wrong(request: Request) -> dict[str, float]:
        return {"a": 0.5 if len(request.mixture) in (1, 5) else 0.4 + 0.001 * len(request.mixture)}

    options = {"sampler": lying, "confirm": 0}
    run(tmp_path / "once", each(wrong), trials=16, **options)
    for trials in (8, 13, 14, 16):  # the anchors have two seeds from 8 fine-tunings on
        run(tmp_path / "steps", each(wrong), trials=trials, **options)
    once, steps = ([record.proposal for record in read_journal(tmp_path / way).records] for way in ("once", "steps"))
    assert REASON in {proposal.reason for proposal in once}
    assert once == steps


def lying(
    problem: Problem, trials: list[Trial], pending: list[Request], rng: np.random.Generator, count: int
) -> list[Proposal]:
    return [Proposal(one.request, "lie", 0.9, 0.01, 0.1) for one in random(problem, trials, pending, rng, count)]
