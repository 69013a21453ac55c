"""Balancers of auxiliary tasks find those that help, in regressions that are trained under them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_balance_gradients import signals, tasks_of

from cotune.training.balance.choice import Balance, made

WIDTH, STEPS, RATE = 10, 200, 0.05


def planted(rng, useless):
    """Gives a small target, a large source of the same truth, large ones of other truths, and rows held out."""
    truth = rng.standard_normal(WIDTH)
    others = [rng.standard_normal(WIDTH) for _ in range(useless)]

    def rows(truth, count):
        x = rng.standard_normal((count, WIDTH))
        return x, x @ truth + 0.5 * rng.standard_normal(count)

    return [rows(truth, 20), rows(truth, 200), *(rows(other, 200) for other in others)], rows(truth, 16)


def slope(rows, point):
    x, y = rows
    return x.T @ (x @ point - y) / len(y)


def final_weights(name, seed, useless):
    """Gives the weights of the auxiliary tasks after a training in small batches, the helpful one first."""
    rng = np.random.default_rng(seed)
    sets, held = planted(rng, useless)
    balancer = made(Balance(name))
    state, point = balancer.start(tasks_of(len(sets))), np.zeros(WIDTH)
    for step in range(1, STEPS + 1):
        drawn = [rng.integers(0, len(y), 16) for _, y in sets]
        matrix = np.array([slope((x[some], y[some]), point) for (x, y), some in zip(sets, drawn, strict=True)])
        told = replace(signals(matrix, step=step), held_gradient=torch.tensor(slope(held, point)))
        answer, state = balancer.weigh(told, state)
        point = point - RATE * len(sets) * answer.weights @ matrix
    return state["weights"][1:]


@pytest.mark.parametrize(
    ("name", "useless", "found"),
    [
        ("arml", 1, lambda weights: weights[0] >= 3 * weights[1]),
        ("hyper_gradient", 1, lambda weights: weights[0] >= 0.8 * weights.sum()),
        ("hyper_gradient", 4, lambda weights: weights[0] >= 0.8 * weights.sum()),
    ],
)
def test_the_helper_is_found_in_nine_of_ten_trainings(name, useless, found):
    assert sum(found(final_weights(name, seed, useless)) for seed in range(10)) >= 9


def scarce(seed):
    """Gives a target of 8 rows, three auxiliaries of 8 rows each of the same truth, one of shuffled answers, dev rows.

    The answers' noise is as large as a weight of the truth, and 8 rows leave two of its ten weights open.
    """
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(WIDTH)

    def rows(count):
        x = rng.standard_normal((count, WIDTH))
        return x, x @ truth + rng.standard_normal(count)

    target, *helpful = [rows(8) for _ in range(4)]
    x, y = rows(24)
    return target, helpful, (x, rng.permutation(y)), rows(200)


def dev_loss(name, sets, dev, seed):
    """Gives the loss on dev rows after a training under a balancer in small batches, the target first."""
    rng, balancer = np.random.default_rng([seed, 1]), made(Balance(name))
    weights, point = np.ones(len(sets)) / len(sets), np.zeros(WIDTH)
    state = balancer.start(tasks_of(len(sets))) if balancer else {}
    for step in range(1, STEPS + 1):
        drawn = [rng.integers(0, len(y), 16) for _, y in sets]
        matrix = np.array([slope((x[some], y[some]), point) for (x, y), some in zip(sets, drawn, strict=True)])
        if balancer:
            answer, state = balancer.weigh(signals(matrix, step=step), state)
            weights = answer.weights
        point = point - RATE * weights @ matrix
    x, y = dev
    return np.mean((x @ point - y) ** 2) / 2


@pytest.mark.slow
def test_under_arml_the_target_gains_from_each_auxiliary_and_a_useless_one_costs_less_than_under_equal_weights():
    """Means over twenty trainings; the same rows in the same order with and without ARML."""
    losses, shuffled = [], []
    for seed in range(20):
        target, helpful, useless, dev = scarce(seed)
        losses.append([dev_loss("arml", [target, *helpful[:count]], dev, seed) for count in range(4)])
        pool = [target, *helpful, useless]
        shuffled.append([dev_loss(name, pool, dev, seed) for name in ("arml", "equal")])
    assert (np.diff(np.mean(losses, axis=0)) < 0).all()
    with_arml, without = np.mean(shuffled, axis=0)
    assert with_arml < without
