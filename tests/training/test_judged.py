"""The judged loss equals both divergences written out row by row, and pulls states towards what the judge says."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_losses import ANSWERS, CHEAP, COSINES, GROUP, LABELS, STATES, fine_tune, trial

from cotune import Mixture, Request
from cotune.training import Budget, TaskTrain, Train
from cotune.training.example import Example
from cotune.training.loss.cost_sensitive import cost_stakes
from cotune.training.loss.judged import judged, scores_of
from cotune.training.loss.scoreq import graded_stakes
from cotune.training.losses import answer_token_losses

ROWS = [Example("t", str(place), (5,), ANSWERS[label]) for place, label in enumerate(LABELS)]
STAKES = cost_stakes(("low", "mid", "high"), ANSWERS, {"low": {"mid": 0.5, "high": 2.0}, "high": {"low": 2.0}})
SCORES = [[1.0, 1.0, 0.75, 0.0], [1.0, 1.0, 0.75, 0.0], [0.5, 0.5, 1.0, 0.5], [0.0, 0.0, 0.5, 1.0]]
"""1 - cost / 2 of rows that are low, low, mid and high, by right and given answer; costs of 1 are not said."""


def softmax(values):
    raised = [math.exp(value) for value in values]
    return [each / sum(raised) for each in raised]


def by_hand(cosines, scores, temperature):
    """Gives half of both divergences between what is near and what matches, over the rows that count."""
    near, match = (softmax([value / temperature for value in values]) for values in (cosines, scores))
    there = sum(p * math.log(p / q) for p, q in zip(near, match, strict=True))
    back = sum(q * math.log(q / p) for p, q in zip(near, match, strict=True))
    return (there + back) / 2


def test_the_judge_knows_costs_and_distances():
    assert scores_of(ROWS, STAKES).tolist() == SCORES
    rows = [Example("t", str(place), (5,), (place, 0)) for place in range(3)]
    stakes = graded_stakes([row.answer for row in rows], [1.0, 2.0, 5.0])  # the range is 4
    assert scores_of(rows, stakes).tolist() == [[1.0, 0.75, 0.0], [0.75, 1.0, 0.25], [0.0, 0.25, 1.0]]


def test_four_rows_in_numbers():
    """Row 0 at temperature 0.5: its cosines 0.6, 0, -1 are e^1.2, 1, e^-2, its scores 1, 0.75, 0 are e^2, e^1.5, 1.

    P = (3.320117, 1, 0.135335) / 4.455452 and Q = (7.389056, 4.481689, 1) / 12.870745, so that the logarithms differ by
    ln(0.745180 / 0.574097) = 0.260841, ln(0.224444 / 0.348208) = -0.439159, ln(0.030375 / 0.077696) = -0.939159.
    """
    first = (0.171083 * 0.260841 + 0.123764 * 0.439159 + 0.047321 * 0.939159) / 2
    expected = [
        by_hand(COSINES[0][1:], SCORES[0][1:], 0.5),
        by_hand([0.6, 0.8, -0.6], [1.0, 0.75, 0.0], 0.5),
        by_hand([0.0, 0.8, 0.0], [0.5, 0.5, 0.5], 0.5),
        by_hand([-1.0, -0.6, 0.0], [0.0, 0.0, 0.5], 0.5),
    ]
    assert expected[0] == pytest.approx(first, abs=1e-5)
    found = judged(STATES, torch.tensor(SCORES), LABELS, temperature=0.5, margin=0.01)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_false_negatives_are_left_out():
    """With a margin of 0.3 the row that is mid, 0.75 for low, is none of the others of those; low is 0.5 for mid."""
    expected = [
        by_hand([0.6, -1.0], [1.0, 0.0], 0.5),
        by_hand([0.6, -0.6], [1.0, 0.0], 0.5),
        by_hand([0.0, 0.8, 0.0], [0.5, 0.5, 0.5], 0.5),
        by_hand([-1.0, -0.6, 0.0], [0.0, 0.0, 0.5], 0.5),
    ]
    found = judged(STATES, torch.tensor(SCORES), LABELS, temperature=0.5, margin=0.3)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_states_that_lie_as_the_judge_says_cost_nothing():
    states = torch.tensor(np.random.default_rng(0).standard_normal((6, 3)))
    unit = torch.nn.functional.normalize(states, dim=1)
    agreed = judged(states, unit @ unit.T - 3, torch.arange(6), temperature=0.2, margin=0.0)
    assert agreed.tolist() == pytest.approx([0.0] * 6, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 1e-6])
@pytest.mark.parametrize(("labels", "margin"), [([0], 0.0), ([0, 0], 0.0), ([0, 1], 1.0), ([0, 1, 1, 2], 0.0)])
def test_rows_that_lie_together_or_have_no_others_have_a_finite_loss_and_slope(labels, margin, temperature):
    labels = torch.tensor(labels)
    states = torch.ones(len(labels), 3, requires_grad=True)
    scores = (labels[:, None] == labels[None]).float()
    loss = judged(states, scores, labels, temperature=temperature, margin=margin)
    (slope,) = torch.autograd.grad(loss.sum(), states)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(slope).all()
    if len(labels) < 3:
        assert loss.tolist() == [0.0] * len(labels)


def test_the_slope_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    states, labels = torch.tensor(rng.standard_normal((7, 3)), requires_grad=True), torch.tensor([0, 0, 1, 1, 2, 2, 3])
    scores = torch.tensor(rng.uniform(size=(7, 7)))
    assert torch.autograd.gradcheck(
        lambda rows: judged(rows, scores, labels, temperature=0.5, margin=0.2), states, eps=1e-6, atol=1e-6
    )


def test_steps_along_the_slope_put_labels_where_the_judge_has_them():
    rng = np.random.default_rng(2)
    states, labels = torch.tensor(rng.standard_normal((12, 4)), requires_grad=True), torch.arange(12) % 3
    scores = torch.tensor([[1.0, 0.7, 0.0], [0.7, 1.0, 0.4], [0.0, 0.4, 1.0]])[labels][:, labels].double()

    def agreement():
        """Gives the least correlation over anchors: a softmax knows no shift."""
        unit = torch.nn.functional.normalize(states.detach(), dim=1)
        others = ~torch.eye(12, dtype=torch.bool)
        pairs = zip((unit @ unit.T)[others].view(12, 11), scores[others].view(12, 11), strict=True)
        return min(np.corrcoef(cosines, judged)[0, 1] for cosines, judged in pairs)

    before, descent = agreement(), torch.optim.SGD([states], lr=1.0)
    for _ in range(300):
        descent.zero_grad()
        judged(states, scores, labels, temperature=0.3, margin=0.01).mean().backward()
        descent.step()
    assert before < 0
    assert agreement() > 0.95


def test_it_is_mixed_with_the_cross_entropy():
    tokens = sum(len(row.answer) for row in ROWS)
    logits = torch.randn(tokens, 6, generator=torch.Generator().manual_seed(0))
    plain = answer_token_losses(logits, ROWS, Train())
    each = judged(STATES, torch.tensor(SCORES), LABELS, temperature=0.2, margin=0.3)
    each = each.repeat_interleave(torch.tensor([len(row.answer) for row in ROWS]))
    for share in (0.0, 0.3, 1.0):
        train = Train(loss="judged", loss_options={"share": share, "temperature": 0.2, "margin": 0.3})
        found = answer_token_losses(logits, ROWS, train, {"t": STAKES}, STATES)
        torch.testing.assert_close(found, (1 - share) * plain + share * each)


@pytest.mark.parametrize("name", ["group", "grade"])
def test_a_training_by_labels_and_one_by_numbers(random_base, name):
    costs = {"animal": {"fruit": 3.0}} if name == "group" else {}

    def losses(**options):
        own = {name: TaskTrain(loss="judged", loss_options=options, costs=costs)}
        return trial(fine_tune(random_base, replace(CHEAP, overrides=own))).train_loss

    plain = trial(fine_tune(random_base, CHEAP)).train_loss
    assert losses(share=0.0) == pytest.approx(plain, rel=1e-6)
    assert losses() != pytest.approx(plain, rel=1e-3)


def test_a_training_puts_states_where_the_judge_has_them(random_base):
    """Labels are all that the judge knows here, so that the rows of each have to lie together, apart from the other."""
    own = {"group": TaskTrain(loss="judged", loss_options={"share": 1.0})}
    train = Train(lr=1e-2, batch_examples=16, max_length=96, schedule="constant", overrides=own)
    evaluate = fine_tune(random_base, train, tasks=(GROUP,), budget=Budget(steps=25))
    (found,) = evaluate([Request(Mixture.of(["group"]))])
    assert found.train_loss[0] > 1
    assert np.mean(found.train_loss[-5:]) < 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fine_tune("x", Train(overrides={"echo": TaskTrain(loss="judged")})), "needs labels, or numbers as"),
        (
            lambda: Train(loss="judged", loss_options={"margin": 1.5}),
            r"'margin' of loss 'judged' is in \[0, 1\]; got 1.5",
        ),
        (lambda: Train(loss="judged", loss_options={"temperature": 0}), "'temperature' of loss 'judged' is in"),
        (
            lambda: fine_tune("x", Train(overrides={"group": TaskTrain(loss="judged", costs={"animl": {"fruit": 2}})})),
            "its labels are",
        ),
        (
            lambda: graded_stakes([(place, 0) for place in range(2001)], list(map(float, range(2001))), loss="judged"),
            "'judged' compares at most 2000 distinct answers; got 2001",
        ),
    ],
)
def test_what_does_not_suit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
