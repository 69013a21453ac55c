"""Alarms ring for planted troubles, with figures computed by hand, and stay silent where a search goes well."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gains import problem, run
from records import inverted, plainly, record, searched

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, each
from cotune.journal import read_journal
from cotune.search import process, random
from cotune.study import Alarm, Event, alarms
from cotune.study.alarms.oscillation import leaders_of, returns, reversals
from cotune.testing import REGIMES, Regime, landscape
from cotune.trial import Record

POOL = [*problem().mixtures()]
BIG = Problem([Task(name) for name in "abcdefgh"], targets=["a"])


def troubles(problem: Problem, records: Sequence[Record]) -> set[str]:
    return {alarm.trouble for alarm in alarms(problem, records)}


def history(values: Sequence[float], mean: float, sd: float | None) -> list[Record]:
    """Gives anchors that scored 0.4 and 0.6, then `values` in turn, each predicted to be `mean`."""
    known = [record(0, POOL[0], 0.4), record(1, POOL[-1], 0.6)]
    later = [record(2 + n, POOL[1 + n], value, mean=mean, sd=sd) for n, value in enumerate(values)]
    return [*known, *later]


def test_a_constant_evaluator_has_nothing_to_choose_and_is_told_once(tmp_path: Path) -> None:
    events: list[Event] = []
    run(tmp_path, each(lambda request: {"a": 0.5}), confirm=0, on_event=events.append)
    told = [event for event in events if isinstance(event, Alarm)]
    assert [alarm.trouble for alarm in told] == ["nothing to choose"]
    assert "all 12 mixtures scored 0.5, so the datasets make no difference" in str(told[0])
    (entry,) = read_journal(tmp_path).logged("alarms")
    assert entry.payload["standing"] == {told[0].trouble: told[0].message}


def test_scores_that_differ_no_more_than_those_of_seeds_leave_nothing_to_choose() -> None:
    known = history([0.5] * 10, mean=0.5, sd=0.1)  # spread 0.041: 0.4, 0.6 and ten times 0.5
    repeats = [record(12 + n, POOL[0], 0.4 + 0.1 * n, seed=n) for n in range(1, 5)]  # sd 0.158 over five seeds
    (found,) = alarms(problem(), [*known, *(replace(one, proposal=confirming(one)) for one in repeats)])
    assert found.trouble == "nothing to choose"
    assert "12 mixtures differ by 0.0408 (sd), no more than those of seeds by 0.158" in found.message
    assert alarms(problem(), known) == ()


def confirming(one: Record) -> object:
    return replace(one.proposal, reason="confirm: winner")


def test_a_search_is_flat_where_its_predictor_misses_by_more_than_scores_spread() -> None:
    values = [0.45, 0.55] * 5
    found = next(one for one in alarms(problem(), history(values, 0.7, 0.2)) if one.trouble == "flat search")
    # errors 0.25 and 0.15; twelve values of mean 0.5, ten of them off by 0.05 and two by 0.1
    spread = ((10 * 0.05**2 + 2 * 0.1**2) / 12) ** 0.5
    assert f"misses by 0.2 on average where all scores spread by {spread:.3g}" in found.message
    for others, mean in ((values, 0.5), (values[:-1], 0.7), ([*values[:-1], 0.65], 0.7)):
        assert "flat search" not in troubles(problem(), history(others, mean, 0.2))


def test_a_predictor_is_overfitted_where_it_is_sure_and_worse_than_the_mean() -> None:
    worse = history([0.5] * 8, mean=0.58, sd=0.02)
    (found,) = alarms(problem(), worse)
    assert found.trouble == "overfitted predictor"
    assert "missed by 0.08 on average, the mean of earlier scores by 0, half of its errors above 4" in found.message
    assert troubles(problem(), worse[:-1]) == set()
    assert troubles(problem(), history([0.5] * 8, mean=0.501, sd=0.02)) == {"overfitted predictor"}  # t is infinite
    assert troubles(problem(), history([0.5] * 8, mean=0.58, sd=None)) == {"overfitted predictor"}
    assert troubles(problem(), history([0.5] * 8, mean=0.5, sd=1e-9)) == set()
    assert troubles(problem(), history([0.5] * 7 + [0.61], mean=0.58, sd=0.02)) == set()  # it found a better value


def test_an_unsure_predictor_that_errs_by_chance_is_not_overfitted() -> None:
    values = [0.42, 0.58] * 4  # it errs by 0.18 and 0.02, the mean by about 0.08
    assert troubles(problem(), history(values, mean=0.6, sd=0.1)) == set()
    assert troubles(problem(), history(values, mean=0.6, sd=0.02)) == {"overfitted predictor"}


def test_predictions_of_what_was_measured_before_do_not_count() -> None:
    again = [record(10 + n, POOL[1], 0.5, mean=0.9, sd=0.01, seed=1 + n) for n in range(8)]
    assert troubles(problem(), [*history([0.5] * 7, mean=0.5, sd=0.1), *again]) == set()


def test_returns_and_reversals_are_counted_as_by_hand() -> None:
    a, b, c = (Mixture.of(names) for names in ("a", "ab", "ac"))
    leaders = [a, b, b, a, c, b, a]
    assert returns(leaders) == 3  # a, b and a again; c is new
    assert [reversals(leaders, name) for name in "abc"] == [0, 3, 1]
    assert returns([a, a, b, c]) == 0


def noisy(noise: float, seed: int, seeds: int, count: int) -> list[list[Record]]:
    """Gives the records of each of `count` mixtures of datasets whose gains add up: anchors, then random ones.

    Each has so many seeds, the anchors at least five, so that the noise is known.
    """
    rng = np.random.default_rng(seed)
    gains = rng.normal(0, 0.05, len(BIG.names))
    drawn = [one.request.mixture for one in random(BIG, [], [], rng, count)]
    mixtures = list(dict.fromkeys([Mixture.of("a"), Mixture.of(BIG.names), *drawn]))[:count]
    values = BIG.encode(mixtures) @ gains
    return [
        [record(0, mixture, value + noise * rng.normal(), seed=n) for n in range(seeds if place > 1 else max(seeds, 5))]
        for place, (mixture, value) in enumerate(zip(mixtures, values, strict=True))
    ]


def test_noise_makes_the_lead_come_back_and_without_noise_it_cannot() -> None:
    for noise, least, most in ((0.0, 0, 0), (0.15, 4, 8)):
        rung = []
        for seed in range(8):
            runs = [one for group in noisy(noise, seed, 2, 20) for one in group]
            rung.append(any("oscillation" in troubles(BIG, runs[:end]) for end in (24, len(runs))))
        assert least <= sum(rung) <= most


def test_repeats_of_those_that_swap_the_lead_calm_it() -> None:
    early, late = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        values = {POOL[0]: 0.5, POOL[3]: 0.54, POOL[6]: 0.46, POOL[-1]: 0.48}
        rounds = [
            [record(0, one, value + 0.08 * rng.normal(), seed=n) for one, value in values.items()] for n in range(20)
        ]
        runs = [one for group in rounds for one in group]
        early.append(leaders_of(problem(), runs[:24], 16))
        late.append(leaders_of(problem(), runs, 16))
    assert sum(map(returns, late)) < 0.5 * sum(map(returns, early))
    assert sum(led[-1] == POOL[3] for led in late) > sum(led[-1] == POOL[3] for led in early)


@pytest.mark.parametrize("regime", [regime for regime in REGIMES if regime != "flat"])
def test_a_search_that_goes_well_rings_no_alarm(regime: Regime) -> None:
    land = landscape(regime, np.random.default_rng(3), size=8, jitter=0.05)
    records = searched(land.problem(), plainly(land.problem(), process), land.evaluate(), 22)
    for end in range(10, 23):
        assert troubles(land.problem(), records[:end]) == set()


def test_a_predictor_that_takes_better_for_worse_is_found_out() -> None:
    gains = np.linspace(-0.05, 0.1, len(BIG.names))

    def value(request: Request) -> Trial:
        return Trial(request, {"a": TaskResult(float((BIG.encode([request.mixture]) @ gains)[0]))})

    records = searched(BIG, plainly(BIG, inverted), each(value), 14)
    assert "overfitted predictor" in troubles(BIG, records)


def test_what_was_removed_from_the_pool_rings_no_alarm() -> None:
    records = history([0.5] * 8, mean=0.58, sd=0.02)
    assert troubles(problem("ab"), records) == set()
