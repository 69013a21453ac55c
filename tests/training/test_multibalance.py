"""MultiBalance weighs by the shortest average of smoothed gradients."""

import numpy as np
import pytest
import torch
from test_balance_gradients import apart, matrices, merged, mgda, signals, tasks_of

from cotune.training.balance.choice import Balance, made
from cotune.training.balance.hidden import by_owner


def test_six_steps_by_hand():
    """Of two gradients at right angles each has the other's squared length as its weight."""
    balancer = made(Balance("multibalance", {"decay": 0.5}))
    state = balancer.start(tasks_of(2))
    found = []
    for length in (1.0, 3.0, 2.0, 0.0, 6.0, 1.5):  # smoothed: 1, 2, 2, 1, 3.5, 2.5
        answer, state = balancer.weigh(signals(np.array([[1.0, 0.0], [0.0, length]])), state)
        found.append(answer.weights[0])
    assert found == pytest.approx([1 / 2, 4 / 5, 4 / 5, 1 / 2, 12.25 / 13.25, 6.25 / 7.25], abs=1e-6)


def test_without_memory_it_is_the_shortest_average_on_a_thousand_matrices():
    balancer = made(Balance("multibalance", {"decay": 0.0}))
    for matrix in matrices():
        answer, _ = balancer.weigh(signals(matrix), balancer.start(tasks_of(len(matrix))))
        assert apart(answer.weights @ matrix, mgda(matrix)) < 1e-5


def test_under_a_linear_trunk_with_equal_inputs_the_direction_is_that_of_mgda_on_its_weights():
    """Each loss has a head of its own on the state that the trunk gives; the tasks have one to three answer tokens."""
    generator, rng = torch.Generator().manual_seed(5), np.random.default_rng(5)
    for _ in range(100):
        tokens = rng.integers(1, 4, int(rng.integers(2, 6)))  # [task]
        trunk = torch.randn(4, 3, generator=generator).requires_grad_()
        row = torch.randn(3, generator=generator)
        heads = [torch.randn(int(count), 4, generator=generator) for count in tokens]
        states = [(trunk @ row).expand(len(head), 4) for head in heads]
        losses = [torch.exp((head * state).sum(dim=1) / 4) for head, state in zip(heads, states, strict=True)]
        pairs = zip(losses, states, strict=True)
        slopes = [torch.autograd.grad(loss.sum(), state, retain_graph=True)[0] for loss, state in pairs]
        hidden = by_owner(torch.cat(slopes), np.arange(len(tokens)), tokens.astype(float)).double().numpy()
        weights = [torch.autograd.grad(loss.mean(), trunk, retain_graph=True)[0].flatten() for loss in losses]
        matrix = torch.stack(weights).double().numpy()
        balancer = made(Balance("multibalance", {"decay": 0.0}))
        answer, _ = balancer.weigh(signals(hidden), balancer.start(tasks_of(len(tokens))))
        found, expected = answer.weights @ matrix, merged("mgda", matrix)
        size = np.abs(matrix).max()
        np.testing.assert_allclose(found / size, expected / size, atol=1e-5)
        if np.linalg.norm(expected) > 1e-2 * size:
            np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-5)


def test_averages_take_noise_out_of_the_weights():
    def spread_of(decay):
        rng, balancer = np.random.default_rng(0), made(Balance("multibalance", {"decay": decay}))
        state, found = balancer.start(tasks_of(2)), []
        for _ in range(200):
            matrix = np.array([[1.0, 0.0], [0.0, 1.0]]) + 0.3 * rng.standard_normal((2, 2))
            answer, state = balancer.weigh(signals(matrix), state)
            found.append(answer.weights[0])
        return np.std(found[50:])

    assert spread_of(0.9) < spread_of(0.0) / 2


def test_the_average_of_an_absent_task_waits():
    balancer = made(Balance("multibalance"))
    _, state = balancer.weigh(signals(np.array([[1.0, 0.0], [0.0, 2.0]])), balancer.start(tasks_of(2)))
    answer, later = balancer.weigh(signals(np.array([[5.0, 0.0]]), present=[True, False]), state)
    assert answer.weights.tolist() == pytest.approx([1.0, 0.0])
    assert later["means"][1].tolist() == state["means"][1].tolist()
    assert later["means"][0].tolist() == pytest.approx([1.4, 0.0])


def test_a_decay_of_one_would_never_learn():
    with pytest.raises(ValueError, match=r"in \[0, 1\); got 1.0"):
        Balance("multibalance", {"decay": 1.0})
