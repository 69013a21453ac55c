"""Balancers of auxiliary tasks find the one that helps, in regressions that are trained under them."""

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
