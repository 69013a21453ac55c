"""Task-wise SAM merges losses' and flat gradients apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_balance_gradients import COUNT, aligned, apart, cagrad, matrices, mgda, pcgrad, signals, tasks_of
from test_balance_training import balanced, balanced_gradient, batches

from cotune.training import Balance, Lora
from cotune.training.balance.ahead import shifted
from cotune.training.balance.choice import made
from cotune.training.lora import adapted

RHO = 0.05


def bowls(point, curves, centres):
    """Gives signals of losses curve / 2 * |point - centre|^2, whose gradients are known everywhere."""

    def gradients(points):
        return curves[:, None] * (points - centres)

    def ahead(shifts):
        return torch.tensor(gradients(point + shifts.numpy()))

    return replace(signals(gradients(point)), ahead=ahead, fixed=np.ones(len(curves)))


def direction(told, step=1, **options):
    balancer = made(Balance("task_sam", options))
    answer, _ = balancer.weigh(replace(told, step=step), balancer.start(tasks_of(len(told.tasks.names))))
    return answer.weights @ told.gradients.numpy() + answer.extra.numpy()


def test_five_steps_by_hand():
    """Losses (x + 1)^2 / 2 and 2 (x - 1)^2 from 0 at rate 0.1: the flat gradients are 0.05 and -0.2 all the way."""
    point, path = np.zeros(1), []
    for _ in range(5):
        point = point - 0.1 * direction(bowls(point, np.array([1.0, 4.0]), np.array([[-1.0], [1.0]])))
        path.append(point[0])
    assert path == pytest.approx([0.1575, 0.275625, 0.36421875, 0.4306640625, 0.480498046875], abs=1e-6)


@pytest.mark.parametrize(
    ("merge", "reference"),
    [
        ("mean", lambda matrix, _: matrix.mean(axis=0)),
        ("mgda", lambda matrix, _: mgda(matrix)),
        ("pcgrad", pcgrad),
        ("cagrad", lambda matrix, _: cagrad(matrix)),
        ("aligned_mtl", lambda matrix, _: aligned(matrix, np.full(len(matrix), 1 / len(matrix)))),
    ],
)
def test_both_kinds_are_merged_as_the_reference_does_on_a_thousand_matrices(merge, reference, installed):
    if merge != "mean":
        installed(merge)
    rng = np.random.default_rng(0)
    for step, centres in enumerate(matrices(COUNT)):
        curves = rng.uniform(0.5, 3.0, len(centres))
        told = bowls(np.zeros(8), curves, centres)
        own = told.gradients.numpy()
        flat = curves[:, None] * RHO * own / np.linalg.norm(own, axis=1, keepdims=True)
        expected = reference(own, step) + reference(flat, step)
        assert apart(direction(told, step, merge=merge, rho=RHO), expected) < 1e-5


def test_a_sharp_task_is_pulled_further_than_a_flat_one_with_the_same_gradient():
    told = bowls(np.zeros(2), np.array([1.0, 10.0]), np.array([[-1.0, 0.0], [0.0, -0.1]]))
    assert told.gradients.norm(dim=1).tolist() == pytest.approx([1.0, 1.0])
    found = direction(told, rho=0.1)
    assert found.tolist() == pytest.approx([0.5 * 1.1, 0.5 * 2.0])


@pytest.mark.parametrize("weights", [{}, {"a": 4.0, "c": 0.5}])
def test_in_training_it_is_the_mean_of_the_gradients_at_each_tasks_own_summit(model, weights):
    """With the mean, own and flat gradient add up to SAM's; fixed weights count for both."""
    batch = sorted(batches()[0], key=lambda example: example.task)
    train = replace(balanced("task_sam", rho=0.5), weights=weights)
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        gradient = balanced_gradient(model, trainee, train)
        own, _ = gradient.passes.by_task(batch, 1)
        fixed = np.array([train.weight(name) for name in "abc"])
        expected = torch.zeros(own.shape[1])
        for place, row in enumerate(own):
            with shifted(trainee.parameters, 0.5 * row / row.norm()):
                expected += float(fixed[place] / fixed.mean()) / 3 * gradient.passes.by_task(batch, 1)[0][place]
        gradient(batch, 1)
        found = torch.cat([parameter.grad.flatten() for parameter in trainee.parameters])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("merge", ["pcgradd", "dwa", "task_sam", "arml", "multibalance"])
def test_what_does_not_merge_gradients_is_refused(merge):
    with pytest.raises(ValueError, match=r"merge|Unknown balancer"):
        Balance("task_sam", {"merge": merge})
