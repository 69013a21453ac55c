"""Weights by difficulty rise for the slowest task, so that easy ones do not dominate."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_balance_weights import LOSSES, TASKS, check, signals, traced

from cotune.training.balance.choice import Balance, made


def by_hand(k, gamma):
    hard = [-((1 - value) ** gamma) * math.log(value) for value in k]
    return [value / sum(hard) for value in hard]


@pytest.mark.parametrize(("gamma", "decay"), [(1.0, 0.9), (2.0, 0.5), (0.0, 0.0)])
def test_five_steps_by_hand(gamma, decay):
    k, expected = [math.exp(-loss) for loss in LOSSES[0]], []
    for line in LOSSES:
        k = [decay * old + (1 - decay) * math.exp(-loss) for old, loss in zip(k, line, strict=True)]
        expected.append(by_hand(k, gamma))
    check(traced("difficulty", gamma=gamma, decay=decay), expected)


def test_a_step_in_numbers():
    """Half of the tokens right, a quarter, an eighth: 1/2 ln 2, 3/4 ln 4 and 7/8 ln 8, in the ratio 4 : 12 : 21."""
    told = replace(signals(1), losses=np.log([2.0, 4.0, 8.0]))
    answer, _ = made(Balance("difficulty")).weigh(told, made(Balance("difficulty")).start(TASKS))
    check(answer.weights, [4 / 37, 12 / 37, 21 / 37])


def test_the_slowest_task_weighs_more_and_more():
    balancer = made(Balance("difficulty", {"decay": 0.5}))
    state, found = balancer.start(TASKS), []
    for step in range(30):
        losses = 2.0 * np.exp(-np.array([0.1, 0.05, 0.01]) * step)
        answer, state = balancer.weigh(replace(signals(1), losses=losses), state)
        found.append(answer.weights)
    assert found[0] == pytest.approx([1 / 3] * 3)
    assert (np.diff([weights[2] for weights in found]) > 0).all()
    assert (np.diff([weights[0] for weights in found]) < 0).all()


def test_the_worst_task_ends_better_than_under_equal_weights():
    """Three tasks with a parameter each and the same loss at first; the third is ten times flatter."""
    curve = np.array([1.0, 1.0, 0.1])

    def worst(weigh):
        point, state = 1 / np.sqrt(curve), made(Balance("difficulty")).start(TASKS)
        for _ in range(60):
            weights, state = weigh(replace(signals(1), losses=curve * point**2 / 2), state)
            point = point - 0.2 * weights * curve * point
        return (curve * point**2 / 2).max()

    def prioritised(told, state):
        answer, state = made(Balance("difficulty")).weigh(told, state)
        return answer.weights, state

    assert worst(prioritised) < worst(lambda _, state: (np.full(3, 1 / 3), state))


def test_the_average_of_an_absent_task_waits():
    balancer = made(Balance("difficulty", {"decay": 0.5}))
    _, state = balancer.weigh(replace(signals(1), losses=np.log([2.0, 2.0, 2.0])), balancer.start(TASKS))
    absent = replace(signals(1), losses=np.log([4.0, 9.0, 4.0]), owner=np.array([0, 0, 0, 2, 2, 2]))
    answer, later = balancer.weigh(absent, state)
    check(answer.weights, by_hand([0.375, 0.5, 0.375], 1.0))
    assert later["likely"].tolist() == pytest.approx([0.375, 0.5, 0.375])
    _, never = balancer.weigh(absent, balancer.start(TASKS))
    assert np.isnan(never["likely"]).tolist() == [False, True, False]


@pytest.mark.parametrize("losses", [[0.0, 0.0, 0.0], [1e4, 1.0, 0.0]])
def test_extreme_losses_have_finite_weights(losses):
    balancer = made(Balance("difficulty", {"gamma": 2.0}))
    answer, _ = balancer.weigh(replace(signals(1), losses=np.array(losses)), balancer.start(TASKS))
    assert answer.weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("options", "message"), [({"decay": 1.0}, r"in \[0, 1\)"), ({"gamma": -1.0}, ">= 0")])
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Balance("difficulty", options)
