"""The preference loss equals its formula written out pair by pair, and makes surer rows likelier."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from test_losses import CHEAP, ECHO, GRADE, GROUP, fine_tune, trial

from cotune import Mixture, Request
from cotune.training import TaskTrain, Train
from cotune.training.example import Example
from cotune.training.loss.preference import own_scores, preference, sure_stakes, sureness
from cotune.training.losses import answer_token_losses

SCORES = [-0.5, -1.5, -1.0, -2.0]
SURE = [1.0, 0.6, 0.8, 0.8]


def cost(difference):
    return math.log(1 + math.exp(-difference))


def by_hand(scores, labels, sure, temperature):
    """Gives the mean over the pairs of a batch."""
    rows = range(len(scores))
    pairs = [(i, j) for i in rows for j in rows if labels[i] == labels[j] and sure[i] > sure[j]]
    return np.mean([cost((scores[i] - scores[j]) / temperature) for i, j in pairs])


def test_four_rows_in_numbers():
    """Rows 0, 1, 2 have a label, row 3 another. Pairs are (0, 1), (0, 2), (2, 1), with scores 1, 0.5, 0.5 apart.

    At temperature 0.5 they cost ln(1 + e^-2) = 0.126928 and twice ln(1 + e^-1) = 0.313262. Each row has half of what
    its pairs cost, times 4 rows / 3 pairs; the mean over the rows is that over the pairs, 0.251151.
    """
    pairs = {(0, 1): 0.126928, (0, 2): 0.313262, (2, 1): 0.313262}
    expected = [2 / 3 * sum(cost for pair, cost in pairs.items() if row in pair) for row in range(4)]
    assert expected[3] == 0.0
    assert np.mean(expected) == pytest.approx((0.126928 + 2 * 0.313262) / 3)
    found = preference(torch.tensor(SCORES), torch.tensor([0, 0, 0, 1]), torch.tensor(SURE), temperature=0.5)
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_over_rows_is_that_over_pairs(seed):
    rng = np.random.default_rng(seed)
    scores, labels, sure = rng.standard_normal(9), rng.integers(0, 3, 9), rng.integers(1, 5, 9) / 4
    found = preference(torch.tensor(scores), torch.tensor(labels), torch.tensor(sure), temperature=0.7)
    assert found.mean().item() == pytest.approx(by_hand(scores, labels, sure, 0.7), abs=1e-12)


def test_only_the_order_of_confidences_counts():
    scores, labels = torch.tensor(SCORES), torch.tensor([0, 0, 0, 0])
    one = preference(scores, labels, torch.tensor(SURE), temperature=1.0)
    assert torch.equal(one, preference(scores, labels, torch.tensor([0.5, 0.1, 0.2, 0.2]), temperature=1.0))


@pytest.mark.parametrize(
    ("labels", "sure"), [([0], [1.0]), ([0, 1], [1.0, 0.5]), ([0, 0], [0.5, 0.5]), ([0, 0], [1.0, math.nan])]
)
def test_rows_without_a_pair_cost_nothing(labels, sure):
    scores = torch.zeros(len(labels), requires_grad=True)
    loss = preference(scores, torch.tensor(labels), torch.tensor(sure), temperature=1.0)
    (slope,) = torch.autograd.grad(loss.sum(), scores)
    assert loss.tolist() == [0.0] * len(labels)
    assert slope.tolist() == [0.0] * len(labels)


def test_equal_scores_have_a_slope_towards_the_surer_row():
    """A pair at equal scores costs ln 2, and its slope is -1/2 for the surer row and 1/2 for the other."""
    scores = torch.full((2,), -3.0, requires_grad=True)
    loss = preference(scores, torch.tensor([0, 0]), torch.tensor([0.9, 0.4]), temperature=1.0).mean()
    (slope,) = torch.autograd.grad(loss, scores)
    assert loss.item() == pytest.approx(math.log(2))
    assert slope.tolist() == pytest.approx([-0.5, 0.5])
    far = torch.tensor([-1e4, 0.0], requires_grad=True)
    (steep,) = torch.autograd.grad(
        preference(far, torch.tensor([0, 0]), torch.tensor([0.9, 0.4]), temperature=1e-3).mean(), far
    )
    assert torch.isfinite(steep).all()


def test_the_slope_is_that_of_finite_differences():
    scores = torch.tensor(SCORES, dtype=torch.float64, requires_grad=True)
    labels, sure = torch.tensor([0, 0, 0, 0]), torch.tensor(SURE)
    assert torch.autograd.gradcheck(lambda rows: preference(rows, labels, sure, temperature=0.7), scores)


def test_scores_are_the_log_probabilities_of_answers_and_confidences_go_by_row():
    rows = [Example("t", "a", (5,), (1, 0)), Example("t", "b", (5,), (1, 2, 0))]
    losses = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
    assert own_scores(losses, rows).tolist() == pytest.approx([-0.3, -1.2])
    sure = sureness(rows, sure_stakes({"b": 0.25}))
    assert math.isnan(sure[0])
    assert sure[1] == 0.25


def test_it_is_mixed_with_the_cross_entropy():
    rows = [Example("t", str(place), (5,), (place // 3, 0)) for place in range(4)]
    stakes = {"t": sure_stakes({str(place): sure for place, sure in enumerate(SURE)})}
    logits = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    plain = answer_token_losses(logits, rows, Train())
    scores = -plain.view(4, 2).sum(dim=1)
    each = preference(scores, torch.tensor([0, 0, 0, 1]), torch.tensor(SURE), temperature=0.5).repeat_interleave(2)
    for share in (0.0, 0.3, 1.0):
        train = Train(loss="preference", loss_options={"share": share, "temperature": 0.5})
        found = answer_token_losses(logits, rows, train, stakes, torch.zeros(4, 2))
        torch.testing.assert_close(found, (1 - share) * plain + share * each)
    alone = answer_token_losses(logits, rows, train, stakes)  # a pass over a part of a batch
    torch.testing.assert_close(alone, plain)


def test_a_training(random_base):
    def losses(**options):
        own = {"group": TaskTrain(loss="preference", loss_options=options)}
        return trial(fine_tune(random_base, replace(CHEAP, overrides=own))).train_loss

    plain = trial(fine_tune(random_base, CHEAP)).train_loss
    assert losses(share=0.0) == pytest.approx(plain, rel=1e-6)
    assert losses() != pytest.approx(plain, rel=1e-3)


def test_a_training_makes_surer_rows_likelier(random_base):
    """Pairs cost about ln 2 before anything is learned."""
    own = {"group": TaskTrain(loss="preference", loss_options={"share": 1.0})}
    train = Train(lr=1e-2, batch_examples=16, max_length=96, schedule="constant", overrides=own)
    (found,) = fine_tune(random_base, train)([Request(Mixture.of(["group"]))])
    assert found.error is None
    assert found.train_loss[0] == pytest.approx(math.log(2), abs=0.1)
    assert found.train_loss[-1] < found.train_loss[0]


def unsure(sure):
    rows = {name: [replace(row, fields={**row.fields, "confidence": sure}) for row in rows] for name, rows in SPLITS}
    return replace(tiny.group_task(), rows=rows)


SPLITS = tuple(tiny.group_task().rows.items())
PREFERENCE = Train(overrides={"group": TaskTrain(loss="preference")})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: fine_tune("x", PREFERENCE, tasks=(tiny.group_task(), ECHO)),
            r"'preference' needs train rows .* 'group' has none. Name its column under columns: \{confidence: ...\}",
        ),
        (lambda: fine_tune("x", PREFERENCE, tasks=(unsure("0.5"), ECHO)), "'group' has none"),
        (lambda: fine_tune("x", PREFERENCE, tasks=(unsure("often"), ECHO)), r"confidence is in \[0, 1\]; got 'often'"),
        (lambda: fine_tune("x", Train(overrides={"grade": TaskTrain(loss="preference")})), "'preference' needs labels"),
        (lambda: Train(loss="preference", loss_options={"temperature": 0}), "'temperature' of loss 'preference' is in"),
        (lambda: Train(loss="preference", processes=2), "processes 2 each see a part"),
    ],
)
def test_what_does_not_suit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_dataset_that_says_how_sure_it_is_suits():
    fine_tune("x", PREFERENCE, tasks=(GROUP, ECHO, GRADE))
