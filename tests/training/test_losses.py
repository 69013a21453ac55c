"""Losses against hand-computed values; weights act on gradients in their proportion."""

import math

import pytest
import tiny
import torch
from test_decoders import made_examples

from cotune.training import TaskTrain, Train
from cotune.training.losses import token_losses, total_weight, weighted_losses

LOGITS = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]]))
GOLD = torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("cross_entropy", [-math.log(0.7), -math.log(0.25)]),
        ("focal", [0.3**2 * -math.log(0.7), 0.75**2 * -math.log(0.25)]),
        (
            "label_smoothing",
            [
                -0.7 * math.log(0.7) - 0.3 * (math.log(0.7) + math.log(0.2) + math.log(0.1)) / 3,
                -0.7 * math.log(0.25) - 0.3 * (math.log(0.25) + math.log(0.5) + math.log(0.25)) / 3,
            ],
        ),
    ],
)
def test_a_loss_equals_its_formula(loss, expected):
    train = Train(smoothing=0.3, focal_gamma=2.0)
    assert token_losses(LOGITS, GOLD, loss=loss, train=train).tolist() == pytest.approx(expected, rel=1e-5)


def test_each_task_has_its_own_loss():
    one, other = made_examples(count=2)
    examples = [one, type(other)("u", other.id, other.prompt, other.answer)]
    logits = torch.randn(len(one.answer) + len(other.answer), 340)
    mixed = weighted_losses(logits, examples, Train(overrides={"u": TaskTrain(loss="focal")}))
    plain, focal = (weighted_losses(logits, examples, Train(loss=loss)) for loss in ("cross_entropy", "focal"))
    border = len(one.answer)
    assert torch.equal(mixed, torch.cat([plain[:border], focal[border:]]))


def test_a_weight_of_two_doubles_a_tasks_share_of_the_gradient():
    module = tiny.make_model("llama")
    head = module.get_output_embeddings().weight
    first, second = made_examples(count=2)
    pair = [first, type(second)("u", second.id, second.prompt, second.answer)]

    def pull(names, train):
        """The gradient of a batch's loss from the tasks `names` alone."""
        gradient = torch.zeros_like(head)
        for example in (example for example in pair if example.task in names):
            hidden = torch.sin(torch.arange(len(example.answer))[:, None] + torch.arange(32.0))
            loss = weighted_losses(hidden @ head.T, [example], train).sum() / total_weight(pair, train)
            gradient += torch.autograd.grad(loss, head)[0]
        return gradient

    once, twice = Train(), Train(weights={"u": 2.0})
    ratio = float(pull(["u"], once).norm() / pull(["t"], once).norm())
    assert float(pull(["u"], twice).norm() / pull(["t"], twice).norm()) == pytest.approx(2 * ratio, rel=1e-5)
