"""GRAPE offline equals values worked out by hand, and finds a planted helper from losses alone."""

import math

import numpy as np
import pytest
from test_mixers import gradient, signals, tasks_of, trace

from cotune.training.mix.grape_offline import GrapeOffline

LOSSES = [[2.0, 1.0, 5.0], [1.8, 0.99, 5.0], [1.5, 0.98, 4.0], [1.44, 0.97, 4.0], [1.3, 0.97, 3.0]]
LOSSES += [[1.2 * 0.95**look, 0.97 - 0.01 * look, 3.0 - 0.1 * (look % 4)] for look in range(11)]


def scaled(values):
    return [value / sum(values) for value in values]


def test_five_rounds_by_hand():
    """Tasks 0 and 1 are targets; the falls of task 2 count for nothing. Window k favours the k-th of a drawn order."""
    tasks, start = tasks_of(3, targets=(0, 1)), [0.5, 0.3, 0.2]
    told = [{"validation": np.array(line)} for line in LOSSES]
    told.insert(2, {})  # a step without a look stays in its window
    answers = trace(GrapeOffline(eta_sources=0.4, eta_targets=0.3, explore=0.2), tasks, told, start)
    shares, weights, rates, order, rounds, expected = start, [0.5, 0.5], {}, [], [], []
    for look, losses in enumerate(LOSSES):
        if look:
            fell = [(old - new) / old for old, new in zip(LOSSES[look - 1][:2], losses[:2], strict=True)]
            most = max(map(abs, fell))
            weights = scaled([z * math.exp(-0.3 * r / most) for z, r in zip(weights, fell, strict=True)])
            rates[order[(look - 1) % 3]] = fell
        if look and look % 3 == 0:
            gains = [sum(z * r for z, r in zip(weights, rates[task], strict=True)) for task in range(3)]
            away = [gain - sum(gains) / 3 for gain in gains]
            most = max(map(abs, away))
            shares = scaled([a * math.exp(0.4 * c / most) for a, c in zip(shares, away, strict=True)])
            rounds.append(shares)
        if look % 3 == 0:
            order = signals(look + 1 + (look > 1), tasks).rng.permutation(3).tolist()
        favoured = order[look % 3]
        expected.append([0.8 * a + 0.2 * (task == favoured) for task, a in enumerate(shares)])
    expected.insert(2, expected[1])
    np.testing.assert_allclose([answer.shares for answer in answers], expected, atol=1e-6, rtol=0)
    assert len(rounds) == 5
    mean = [0.8 * a + 0.2 / 3 for a in shares]
    assert answers[-1].expected.tolist() == pytest.approx(mean, abs=1e-6)


def test_the_target_that_improves_slowest_gains_weight():
    """The rates are 0.2 and 0.1: the weights go to exp(-1/2) and exp(-1/4), scaled."""
    tasks, mixer = tasks_of(2, targets=(0, 1)), GrapeOffline()
    state = mixer.start(tasks, tasks.equal)
    for step, losses in enumerate([[1.0, 1.0], [0.8, 0.9]], start=1):
        _, state = mixer.mix(signals(step, tasks, validation=np.array(losses)), state)
    assert state["targets"].tolist() == pytest.approx([0.437823499, 0.562176501], abs=1e-6)


def test_a_planted_helper_wins_the_weight():
    """The target's loss falls by what is drawn: fast with the helper, not with task 2, and it rises with task 3."""
    pace = np.array([0.02, 0.1, 0.0, -0.05])
    for seed in range(10):
        tasks, mixer, losses = tasks_of(4), GrapeOffline(), np.full(4, 3.0)
        state = mixer.start(tasks, tasks.equal)
        for step in range(1, 42):
            answer, state = mixer.mix(signals(step, tasks, steps=41, seed=seed, validation=losses), state)
            losses = np.array([losses[0] * math.exp(-pace @ answer.shares), *losses[1:]])
        assert state["shares"].argmax() == 1
        assert state["shares"][1] >= 0.7
        assert state["shares"].argmin() == 3


def test_the_one_helpful_source_is_found_by_losses_of_a_regression():
    """One source has the target's own truth, two have others; the two that help get most of the draws."""
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        aim = rng.normal(size=8)
        aims = [aim, aim, *rng.normal(size=(2, 8))]
        tasks, mixer, point = tasks_of(4), GrapeOffline(), np.zeros(8)
        state = mixer.start(tasks, tasks.equal)
        for step in range(1, 401):
            told = {"validation": np.full(4, ((point - aim) ** 2).sum() / 2 + 0.1)} if step % 5 == 1 else {}
            answer, state = mixer.mix(signals(step, tasks, steps=400, seed=seed, **told), state)
            drawn = rng.choice(4, size=4, p=answer.shares)
            point = point - 0.01 * np.mean([gradient(point, aims[task], rng) for task in drawn], axis=0)
        found.append(state["shares"][:2].sum())
    assert min(found) >= 0.9


def test_losses_that_stand_still_change_nothing():
    tasks = tasks_of(3)
    told = [{"validation": np.ones(3)}] * 8
    answers = trace(GrapeOffline(), tasks, told, [0.5, 0.3, 0.2])
    assert answers[-1].expected.tolist() == pytest.approx([0.75 * a + 0.25 / 3 for a in (0.5, 0.3, 0.2)])


@pytest.mark.parametrize(
    ("options", "message"), [({"explore": 0.0}, "explore > 0 and <= 1"), ({"eta_targets": 0.0}, "eta_targets > 0")]
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GrapeOffline(**options)
