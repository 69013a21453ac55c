"""SCOREQ equals its formula written out triplet by triplet, and orders rows by their numbers."""

import math

import numpy as np
import pytest
import torch

from cotune.training import Train
from cotune.training.example import Example
from cotune.training.loss.scoreq import apart, graded_stakes, scoreq
from cotune.training.losses import answer_token_losses

STATES = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]
VALUES = [1.0, 2.0, 5.0]


def distances(values):
    values = np.array(values)
    return torch.tensor(np.abs(values[:, None] - values[None]) / np.ptp(values))


def by_hand(states, values, margin):
    """Gives the mean over all triplets of a batch."""
    unit = [row / np.linalg.norm(row) for row in np.array(states)]
    rows, costs = range(len(values)), []
    for a in rows:
        for p in rows:
            for n in rows:
                near, far = abs(values[a] - values[p]), abs(values[a] - values[n])
                if a != p and near < far:
                    more = margin * (far - near) / (max(values) - min(values))
                    costs.append(max(0.0, math.dist(unit[a], unit[p]) - math.dist(unit[a], unit[n]) + more))
    return np.mean(costs)


def test_three_rows_in_numbers():
    """Of rows 0 (1), 1 (2) and 2 (5) there is one triplet each: the distances are 0, 1/4, 1 and 3/4 of the range."""
    d01, d02, d12 = math.sqrt(0.8), math.sqrt(2.0), math.sqrt(0.4)
    costs = [max(0.0, d01 - d02 + 0.75), max(0.0, d01 - d12 + 0.5), max(0.0, d12 - d02 + 0.25)]
    assert costs == pytest.approx([0.230213629, 0.761971659, 0.0])
    found = scoreq(torch.tensor(STATES, dtype=torch.float64), distances(VALUES), margin=1.0)
    assert found.tolist() == pytest.approx(costs, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_over_rows_is_that_over_triplets(seed):
    rng = np.random.default_rng(seed)
    states, values = rng.standard_normal((8, 3)), rng.integers(1, 5, 8).astype(float)
    found = scoreq(torch.tensor(states), distances(values), margin=0.7)
    assert found.mean().item() == pytest.approx(by_hand(states, values, 0.7), abs=1e-9)


def test_the_slope_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    states, far = rng.standard_normal((7, 3)), distances(rng.integers(1, 6, 7).astype(float))
    leaf = torch.tensor(states, requires_grad=True)
    assert torch.autograd.gradcheck(lambda rows: scoreq(rows, far, margin=1.0), leaf, eps=1e-6, atol=1e-6)


def test_what_unit_and_start_the_numbers_have_does_not_matter():
    states = torch.tensor(np.random.default_rng(1).standard_normal((3, 4)))
    rows = [Example("t", str(place), (5,), (place, 0)) for place in range(3)]
    found = []
    for values in (VALUES, [110.0, 120.0, 150.0], [-5.0, -2.0, -1.0][::-1]):
        stakes = graded_stakes([row.answer for row in rows], values)
        found.append(scoreq(states, apart(rows, stakes), margin=1.0).tolist())
    assert found[0] == pytest.approx(found[1])
    assert found[0] == pytest.approx(found[2])


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [1.0, 2.0], [2.0, 2.0, 2.0]])
def test_rows_without_a_triplet_cost_nothing(values):
    """One row, rows with one number, and pairs: each anchor has but one other."""
    rows = [Example("t", str(place), (5,), (place, 0)) for place in range(len(values))]
    far = apart(rows, graded_stakes([row.answer for row in rows], values))
    assert torch.isfinite(far).all()
    states = torch.ones(len(values), 3, dtype=torch.float64, requires_grad=True)
    loss = scoreq(states, far, margin=1.0)
    (slope,) = torch.autograd.grad(loss.sum(), states)
    assert loss.tolist() == [0.0] * len(values)
    assert slope.abs().max() == 0


def test_rows_that_lie_together_have_a_finite_slope():
    states = torch.ones(3, 3, dtype=torch.float64, requires_grad=True)
    loss = scoreq(states, distances(VALUES), margin=1.0)
    assert loss.mean().item() == pytest.approx((0.75 + 0.5 + 0.25) / 3)
    (slope,) = torch.autograd.grad(loss.sum(), states)
    assert torch.isfinite(slope).all()


def test_steps_along_the_slope_put_rows_in_order():
    rng = np.random.default_rng(3)
    states, values = torch.tensor(rng.standard_normal((10, 4)), requires_grad=True), np.arange(10.0)

    def order():
        unit = torch.nn.functional.normalize(states.detach(), dim=1)
        return np.corrcoef((unit[0] - unit).norm(dim=1)[1:], values[1:])[0, 1]

    before, descent = order(), torch.optim.SGD([states], lr=1.0)
    for _ in range(200):
        descent.zero_grad()
        scoreq(states, distances(values), margin=1.0).mean().backward()
        descent.step()
    assert before < 0.6
    assert order() > 0.95


def test_it_is_mixed_with_the_cross_entropy():
    rows = [Example("t", str(place), (5,), (place + 1, 0)) for place in range(3)]
    stakes = graded_stakes([row.answer for row in rows], VALUES)
    logits, states = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)), torch.tensor(STATES)
    plain = answer_token_losses(logits, rows, Train())
    each = scoreq(states, distances(VALUES).float(), margin=0.5).repeat_interleave(2)
    for share in (0.0, 0.3, 1.0):
        train = Train(loss="scoreq", loss_options={"share": share, "margin": 0.5})
        found = answer_token_losses(logits, rows, train, {"t": stakes}, states)
        torch.testing.assert_close(found, (1 - share) * plain + share * each)
    alone = answer_token_losses(logits, rows, Train(loss="scoreq"), {"t": stakes})  # a pass that has no states
    torch.testing.assert_close(alone, plain)


def test_too_many_numbers_are_refused():
    with pytest.raises(ValueError, match="'scoreq' compares at most 2000 distinct answers; got 2001"):
        graded_stakes([(place, 0) for place in range(2001)], [float(place) for place in range(2001)])
