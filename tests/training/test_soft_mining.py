"""Soft mining equals its formula written out pair by pair, and moves rows as it says."""

import math

import numpy as np
import pytest
import torch
from test_losses import LABELS, STATES

from cotune.training.loss.soft_mining import soft_mining

OPTIONS = {"margin": 1.2, "sigma": 0.8, "unlike": 0.3, "centers": 0.2}


def lengthened(states):
    return states / np.linalg.norm(states, axis=1, keepdims=True)


def weights_by_hand(states, labels, *, margin, sigma):
    """Gives the weight of each pair, and the center of each label."""
    unit, names = lengthened(states), sorted(set(labels))
    centers = {name: unit[[label == name for label in labels]].mean(axis=0) for name in names}
    attention = []
    for row, label in zip(unit, labels, strict=True):
        raised = {name: math.exp(row @ mean / np.linalg.norm(mean)) for name, mean in centers.items()}
        attention.append(raised[label] / sum(raised.values()))
    weights = {}
    for i, one in enumerate(unit):
        for j, other in enumerate(unit):
            far = math.dist(one, other)
            score = math.exp(-(far**2) / sigma**2) if labels[i] == labels[j] else max(0.0, margin - far)
            weights[i, j] = score * min(attention[i], attention[j])
    return weights, centers


def by_hand(states, labels, weights, centers, *, margin, unlike, share):
    """Gives the loss of a batch, as the papers have it, under given weights and centers."""
    unit, pairs = lengthened(states), [(i, j) for i, j in weights if i != j]
    total = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for i, j in pairs:
        like, far = labels[i] == labels[j], math.dist(unit[i], unit[j])
        cost = far**2 / 2 if like else max(0.0, margin - far) ** 2 / 2
        total[like][0] += weights[i, j] * cost
        total[like][1] += weights[i, j]
    means = {like: top / max(bottom, 1e-12) for like, (top, bottom) in total.items()}
    drawn = np.mean([math.dist(row, centers[label]) ** 2 / 2 for row, label in zip(unit, labels, strict=True)])
    return (1 - unlike) * means[True] + unlike * means[False] + share * drawn


def batch(rows, kinds, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 4)) + 0.5, rng.integers(0, kinds, rows).tolist()


def test_a_pair_in_numbers():
    """Rows 0 and 1 are alike and sqrt(0.8) apart: the pair costs 0.4, whatever its weight, to which the rows average.

    Row 2 is sqrt(0.4) from row 1 and sqrt(2) from row 0, which is beyond the margin; row 3 is beyond it from all.
    """
    pull = soft_mining(STATES, LABELS, margin=1.2, sigma=0.8, unlike=0.0, centers=0.0)
    assert pull.tolist() == pytest.approx([0.8, 0.8, 0.0, 0.0], abs=1e-6)
    push = soft_mining(STATES, LABELS, margin=1.2, sigma=0.8, unlike=1.0, centers=0.0)
    one = (1.2 - math.sqrt(0.4)) ** 2 / 2
    assert push.tolist() == pytest.approx([0.0, 2 * one, 2 * one, 0.0], abs=1e-6)
    drawn = soft_mining(STATES, LABELS, margin=0.0, sigma=0.8, unlike=1.0, centers=0.5)
    assert drawn.tolist() == pytest.approx([0.05, 0.05, 0.0, 0.0], abs=1e-6)  # center (0.8, 0.4), squares 0.2


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_over_rows_is_the_papers_loss_of_a_batch(seed):
    states, labels = batch(9, 3, seed)
    weights, centers = weights_by_hand(states, labels, margin=1.2, sigma=0.8)
    expected = by_hand(states, labels, weights, centers, margin=1.2, unlike=0.3, share=0.2)
    found = soft_mining(torch.tensor(states), torch.tensor(labels), **OPTIONS)
    assert found.mean().item() == pytest.approx(expected, abs=1e-9)


def test_the_slope_is_that_of_finite_differences_under_the_same_weights_and_centers():
    """Centers may as well stay: the sum of squares about a mean does not change as that moves."""
    states, labels = batch(7, 3)
    weights, centers = weights_by_hand(states, labels, margin=1.2, sigma=0.8)
    leaf = torch.tensor(states, requires_grad=True)
    (slope,) = torch.autograd.grad(soft_mining(leaf, torch.tensor(labels), **OPTIONS).mean(), leaf)
    for place in np.ndindex(states.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = states.copy()
            moved[place] += step
            sides.append(by_hand(moved, labels, weights, centers, margin=1.2, unlike=0.3, share=0.2))
        assert slope[place].item() == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-7)


def test_a_row_in_the_midst_of_another_label_counts_less():
    """With a huge sigma only the attention tells pairs apart; those of the strange row are the longest."""
    angles = torch.tensor([0.0, 0.5, -0.5, 2.2, 2.4, 2.6, 2.4], dtype=torch.float64)
    states, labels = torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor([0, 0, 0, 1, 1, 1, 0])
    pairs = [(i, j) for i in range(7) for j in range(7) if i != j and labels[i] == labels[j]]
    plain = np.mean([math.dist(states[i].tolist(), states[j].tolist()) ** 2 / 2 for i, j in pairs])
    found = soft_mining(states, labels, margin=0.0, sigma=1e6, unlike=0.0, centers=0.0)
    assert found.mean().item() < 0.9 * plain


@pytest.mark.parametrize("labels", [[0], [0, 0], [0, 1]])
def test_one_row_and_rows_that_lie_together_have_a_finite_loss_and_slope(labels):
    states = torch.ones(len(labels), 3, requires_grad=True)
    loss = soft_mining(states, torch.tensor(labels), **OPTIONS)
    (slope,) = torch.autograd.grad(loss.sum(), states)
    assert torch.isfinite(slope).all()
    expected = 0.3 * 1.2**2 / 2 if len(set(labels)) > 1 else 0.0
    assert loss.tolist() == pytest.approx([expected] * len(labels), abs=1e-3)


def test_steps_along_the_slope_part_the_labels():
    """Unlike rows that are as far apart as the margin, a cosine of 0.28, are left alone."""
    states, labels = batch(12, 2)
    moving, labels = torch.tensor(states, requires_grad=True), torch.tensor(labels)

    def gap(rows):
        near = torch.nn.functional.normalize(rows.detach(), dim=1)
        cosine, like = near @ near.T, labels[:, None] == labels[None]
        return (cosine[like].mean() - cosine[~like].mean()).item()

    before, descent = gap(moving), torch.optim.SGD([moving], lr=0.5)
    for _ in range(400):
        descent.zero_grad()
        soft_mining(moving, labels, **OPTIONS).mean().backward()
        descent.step()
    assert before < 0.5
    assert gap(moving) > 0.7
