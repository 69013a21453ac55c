"""Update rules on a quadratic of three tasks, whose weights have a closed form at every point."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_balance_gradients import signals, tasks_of
from test_mixers import Influence, Seen
from test_mixers import signals as mix_signals

from cotune.training.balance.choice import Balance, made
from cotune.training.mix.ama_r import AmaR
from cotune.training.mix.ama_s import AmaS
from cotune.training.mix.doremi import DoReMi
from cotune.training.mix.grape import Grape

CURVES, START, STEPS, RATE = np.array([1.0, 4.0, 9.0]), np.array([2.0, 0.8, -0.3]), 8, 0.02
TASKS = tasks_of(3)
HELD = np.array([0.5, 1.0, 0.5])
"""The gradient on held-out rows, of a loss that is a plane."""


def losses_at(point):
    """Each task has a coordinate of its own."""
    return CURVES * point**2 / 2


def scaled(values):
    return np.asarray(values) / np.sum(values)


def check(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


def smoothed(lengths, decay):
    """Gives decay^t n_0 + (1 - decay) sum decay^(t - s) n_s over s from 1 to t."""
    last = len(lengths) - 1
    return decay**last * lengths[0] + sum((1 - decay) * decay ** (last - s) * lengths[s] for s in range(1, last + 1))


def helped(lengths, points):
    """Gives 1/3 to the target and to helpers by exp of the sum of <held, g_k> / (|held| max |g|)."""
    alike = [HELD * CURVES * x / np.linalg.norm(HELD) / n.max() for x, n in zip(points, lengths, strict=True)]
    return np.array([1 / 3, *(2 / 3 * scaled(np.exp(np.sum(alike, axis=0)[1:])))])


CLOSED = [
    ("importance", {"weights": {"b": 2.0}}, lambda losses, lengths, points: [1 / 4, 1 / 2, 1 / 4]),
    ("uncertainty_optimal", {}, lambda losses, lengths, points: 1 / losses[-1] / 3),
    ("uncertainty_softmax", {"temperature": 2.0}, lambda losses, lengths, points: scaled(np.exp(1 / losses[-1] / 2))),
    ("group_dro", {"rate": 0.2}, lambda losses, lengths, points: scaled(np.exp(0.2 * np.sum(losses, axis=0)))),
    ("mgda", {}, lambda losses, lengths, points: scaled(lengths[-1] ** -2.0)),
    ("multibalance", {"decay": 0.5}, lambda losses, lengths, points: scaled(smoothed(lengths, 0.5) ** -2.0)),
    ("nash_mtl", {}, lambda losses, lengths, points: scaled(1 / lengths[-1])),
    ("aligned_mtl", {}, lambda losses, lengths, points: lengths[-1].min() / lengths[-1] / 3),
    ("pcgrad", {}, lambda losses, lengths, points: [1 / 3] * 3),
    ("upgrad", {}, lambda losses, lengths, points: [1 / 3] * 3),
    ("hyper_gradient", {}, lambda losses, lengths, points: helped(lengths, points)),
]


@pytest.mark.parametrize(("name", "options", "closed"), CLOSED, ids=[name for name, *_ in CLOSED])
def test_weights_have_their_closed_form_at_each_step_down_three_bowls(name, options, closed, installed):
    installed(name)
    balancer, point, points = made(Balance(name, options)), START, []
    state = balancer.start(TASKS)
    for step in range(1, STEPS + 1):
        matrix = np.diag(CURVES * point)
        told = replace(signals(matrix, step=step), losses=losses_at(point), held_gradient=torch.tensor(HELD))
        answer, state = balancer.weigh(told, state)
        points.append(point)
        lengths = [np.abs(CURVES * each) for each in points]
        check(answer.weights, closed([losses_at(each) for each in points], lengths, points))
        point = point - RATE * answer.weights @ matrix
    assert np.abs(points[-1] - START).max() > 0.01


@pytest.mark.parametrize(("centres", "inside"), [([[2, 1], [1, 0], [1, 2]], True), ([[5, 0], [1, 0], [0, 1]], False)])
def test_arml_comes_to_rest_at_the_mix_of_helpers_that_is_nearest_to_the_target(centres, inside):
    """With a and 2 - a on the helpers' gradients u and v, a is <g - 2 v, u - v> / |u - v|^2, held within 0 and 2."""
    g, u, v = matrix = -CURVES[[0, 0, 0], None] * np.array(centres)
    best = (g - 2 * v) @ (u - v) / ((u - v) @ (u - v))
    assert (0 < best < 2) == inside
    balancer = made(Balance("arml"))
    state = balancer.start(TASKS)
    for step in range(1, 501):
        answer, state = balancer.weigh(signals(matrix, step=step), state)
    held = min(max(best, 0.0), 2.0)
    check(answer.weights, [1 / 3, held / 3, (2 - held) / 3])


def test_uncertainty_comes_to_rest_at_its_optimum():
    """The slope of L / (2 e^s) + s / 2 is nothing at e^s = L."""
    losses, balancer = losses_at(START), made(Balance("uncertainty", {"lr": 0.5}))
    state = balancer.start(TASKS)
    for step in range(1, 201):
        answer, state = balancer.weigh(replace(signals(np.eye(3), step=step), losses=losses), state)
    check(answer.weights, 1 / losses / 3)


def test_mt_isa_comes_to_rest_at_the_power_of_confidence_that_explains_the_losses():
    """Of auxiliary rows with loss 1 / c^2 the power is 2: the slope of L c^p / 2 - p log(c) / 2 is nothing there."""
    losses = np.array([1.5, 4.0, 2.25])  # the bowls at another point
    sure = np.array([0.9, *(losses[1:] ** -0.5)])
    balancer = made(Balance("mt_isa", {"tasks": False, "lr": 1.0}))
    state = balancer.start(TASKS)
    told = replace(signals(np.eye(3)), losses=losses, example_losses=losses, confidences=sure)
    for _ in range(300):
        answer, state = balancer.weigh(told, state)
    share = sure[1:] ** 2 / (sure[1:] ** 2).mean()
    check(answer.examples, [1 / 3, *(share / 3)])


@pytest.mark.parametrize("mixer", [AmaR(), AmaS(), DoReMi(smoothing=1e-9)], ids=["ama_r", "ama_s", "doremi"])
def test_shares_are_exponentials_of_what_the_tasks_cost_so_far(mixer):
    """Specialists stand at the bottom of each bowl, so that a loss is its own excess."""
    rate = {AmaR: math.sqrt(math.log(3) / STEPS), AmaS: math.sqrt(math.log(3) / 3 / STEPS), DoReMi: 1.0}[type(mixer)]
    explored = 0.1 if isinstance(mixer, AmaS) else 0.0
    state, point, last, total = mixer.start(TASKS, TASKS.equal), START, None, np.zeros(3)
    for step in range(1, STEPS + 1):
        answer, state = mixer.mix(mix_signals(step, TASKS, steps=STEPS, seen=last), state)
        expected = (1 - explored) * scaled(np.exp(rate * total)) + explored / 3
        told = [value for value in (answer.weights, answer.expected, answer.shares) if value is not None]
        check(told[0], expected)
        here = np.flatnonzero(answer.shares)
        losses = losses_at(point)
        last = Seen(here, losses[here], np.zeros(len(here)))
        total = total + np.where(answer.shares > 0, losses / (expected if explored else 1.0), 0.0)
        pull = answer.shares if answer.weights is None else answer.weights
        point = point - RATE * pull * CURVES * point
    assert np.abs(expected - 1 / 3).max() > 0.02


def test_shares_under_grape_are_exponentials_of_the_gradients_along_the_targets():
    """Three bowls on one line: the sign of the target's gradient times the source's, by the longest of them."""
    centres, mixer, x, total = np.array([1.0, 0.5, -1.0]), Grape(), -0.5, np.zeros(3)
    state = mixer.start(TASKS, TASKS.equal)
    for step in range(1, STEPS + 1):
        slopes, lengths = CURVES * (x - centres), np.abs(CURVES * (x - centres))
        influence = Influence(np.outer(slopes, slopes), lengths, lengths)
        told = {"influence": influence, "validation": CURVES * (x - centres) ** 2 / 2}
        answer, state = mixer.mix(mix_signals(step, TASKS, steps=STEPS, **told), state)
        total = total + np.sign(slopes[0]) * slopes / lengths.max()
        check(answer.shares, scaled(np.exp(total / 2)))
        x = x - RATE * answer.shares @ slopes
    assert answer.shares.argmin() == 2
