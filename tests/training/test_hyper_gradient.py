"""The hyper-gradient finds the one helpful source of a planted pool, and what it ranks first is worth more."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from test_balance_gradients import signals, tasks_of
from test_balance_training import run

from cotune import Mixture, Request
from cotune.training import Balance, Budget, Curriculum, FineTune, Lora, Train
from cotune.training.balance.choice import made


def told(matrix, held):
    return replace(signals(np.array(matrix)), held_gradient=torch.tensor(held))


def test_five_steps_by_hand():
    """Likeness is 1/2 and 0 of the longest, so that weights are in the ratio exp(steps / 2)."""
    balancer = made(Balance("hyper_gradient"))
    state = balancer.start(tasks_of(3))
    for step in range(1, 6):
        answer, state = balancer.weigh(told([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]], [3.0, 0.0]), state)
        share = 1 / (1 + math.exp(-step / 2))
        assert answer.weights.tolist() == pytest.approx([1 / 3, 2 / 3 * share, 2 / 3 * (1 - share)], abs=1e-6)


def test_weights_are_the_slope_of_the_held_out_loss_after_a_step():
    """The likeness is, up to one factor, how the held-out loss after a plain step falls with each weight."""
    rng = np.random.default_rng(0)
    curve, centre = np.diag(rng.uniform(1, 3, 6)), rng.standard_normal(6)
    point, gradients = rng.standard_normal(6), rng.standard_normal((4, 6))

    def held_loss(weights, lr=1e-4):
        away = point - lr * weights @ gradients - centre
        return away @ curve @ away / 2

    base = np.ones(4) / 4
    falls = np.array([held_loss(base) - held_loss(base + 0.1 * row) for row in np.eye(4)])
    balancer = made(Balance("hyper_gradient"))
    _, state = balancer.weigh(told(gradients, curve @ (point - centre)), balancer.start(tasks_of(4)))
    grown = np.log(state["weights"][1:])
    np.testing.assert_allclose(
        grown - grown.mean(), (falls[1:] - falls[1:].mean()) * _factor(grown, falls[1:]), atol=1e-3
    )


def _factor(grown, falls):
    return np.ptp(grown) / np.ptp(falls)


def test_eight_tenths_of_the_weight_go_to_the_one_helpful_source():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        balancer, main = made(Balance("hyper_gradient")), rng.standard_normal(60)
        state = balancer.start(tasks_of(6))
        for _ in range(20):
            noise = rng.standard_normal((7, 60))
            useless = 1.5 * noise[2:6]
            matrix = np.vstack([main + noise[0], main + noise[1], useless])
            _, state = balancer.weigh(told(matrix, main + noise[6]), state)
        assert state["weights"][1] >= 0.8 * state["weights"][1:].sum()


def test_without_a_look_or_helpers_nothing_changes():
    balancer = made(Balance("hyper_gradient"))
    start = balancer.start(tasks_of(3))
    answer, state = balancer.weigh(replace(signals(np.eye(3)), gradients=None), start)
    assert answer.weights.tolist() == [1 / 3] * 3
    assert state["weights"].tolist() == [1.0] * 3


def babble(name):
    """Gives a task whose answers have nothing to do with its inputs."""
    task, rng = tiny.echo_task(name, rows=60), random.Random(name)
    words = tiny.ANIMALS + tiny.FRUITS
    rows = {
        split: [replace(row, answer=" ".join(rng.choices(words, k=2))) for row in found]
        for split, found in task.rows.items()
    }
    return replace(task, rows=rows)


def test_a_trial_finds_the_source_that_is_like_its_target(random_base):
    pool = (
        tiny.group_task("group", rows=60),
        tiny.group_task("helper", rows=60),
        tiny.echo_task("echo"),
        babble("bab"),
    )
    train = Train(lr=1e-2, batch_examples=16, max_length=96, balancer=Balance("hyper_gradient", every=1))
    lora, budget = Lora(layers="all"), Budget(steps=30)
    evaluate = FineTune(random_base, pool, targets=("group",), budget=budget, lora=lora, train=train)
    weights = {task: line[-1] for task, line in run(evaluate, *(task.name for task in pool)).balancing.weights.items()}
    assert weights["helper"] >= 0.8 * (1 - weights["group"])


def guessing(task):
    """Gives a classification with its labels drawn at random."""
    rng = random.Random(task.name)
    rows = {
        split: [replace(row, answer=rng.choice(task.labels)) for row in found] for split, found in task.rows.items()
    }
    return replace(task, rows=rows)


def trained(base, pool, seed, **train):
    """Gives a trial that trains on all of `pool`, the first of which is the target."""
    settings = Train(lr=1e-2, batch_examples=16, max_length=96, **train)
    lora, budget = Lora(layers="all"), Budget(steps=30)
    evaluate = FineTune(base, pool, targets=(pool[0].name,), budget=budget, lora=lora, train=settings)
    (trial,) = evaluate([Request(Mixture.of([task.name for task in pool]), seed=seed)])
    assert trial.error is None
    return trial


@pytest.mark.slow
def test_pretraining_on_the_top_ranked_source_beats_that_on_the_bottom_ranked_in_nine_of_ten_trainings(random_base):
    """The target has 16 rows; ranks are last weights of a training on all. Each seed has its own pool."""
    wins = 0
    for seed in range(10):
        target = tiny.group_task("group", rows=16, seed=seed)
        helper = tiny.group_task("helper", rows=100, seed=seed)
        guessed = guessing(tiny.group_task("guessed", rows=100, seed=seed))
        sources = (tiny.echo_task("echo", rows=100), helper, guessed)
        ranking = trained(random_base, (target, *sources), seed, balancer=Balance("hyper_gradient", every=1, rows=8))
        ranked = sorted(sources, key=lambda source: ranking.balancing.weights[source.name][-1])
        bottom, top = (
            trained(random_base, (target, source), seed, curriculum=Curriculum("sequential")).results["group"].loss
            for source in (ranked[0], ranked[-1])
        )
        wins += top < bottom
    assert wins >= 9
