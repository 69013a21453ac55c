"""Rep-MTL's penalties, and their gradient through the whole model."""

from math import exp, log

import numpy as np
import pytest
import torch
from test_balance_hooks import BATCH, CHEAP, mean_losses
from test_balance_training import balanced, balanced_gradient

from cotune.training import Balance, Lora
from cotune.training.balance.rep_mtl import contrast, entropy
from cotune.training.cut import parted
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.losses import answer_token_losses

OWNER = np.array([0, 0, 1])


def test_entropy_by_hand():
    shares = [(1.0, 0.0), (0.5, 0.5), (0.25, 0.75), (0.8, 0.2), (1 / 3, 2 / 3)]
    means = torch.tensor([[3 * one, -3 * other] for one, other in shares]).T  # [task, channel]: sign does not matter
    expected = sum(-share * log(share) for pair in shares for share in pair if share) / 5
    assert float(entropy(means)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("turn", [0.0, 0.3, 0.6, 0.9, 1.2])
def test_contrast_by_hand(turn):
    """Two samples of one task, at an angle, and one of another along the first."""
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([np.cos(turn), np.sin(turn)]).float()
    samples = torch.stack([2 * first, 3 * second, first])
    means = torch.stack([(first + second) / 2, first])
    same, half = np.cos(turn) / 0.5, np.cos(turn / 2) / 0.5
    near = -log(exp(2) / (exp(2) + exp(same)))
    far = -log(exp(same) / (exp(same) + exp(same)))
    alone = -log(exp(half) / exp(half))  # it has no other sample of its task
    assert float(contrast(samples, means, OWNER, 0.5)) == pytest.approx((near + far + alone) / 3, abs=1e-6)


@pytest.mark.parametrize("options", [{}, {"entropy": 0.0}, {"align": 0.0}, {"entropy": 0.0, "align": 0.0}])
@pytest.mark.parametrize("pack_tokens", [60, 10**6])
@pytest.mark.parametrize("frugal", [False, True])
def test_the_gradient_is_that_of_losses_and_penalties_through_the_whole_model(model, options, pack_tokens, frugal):
    full = {"entropy": 2.0, "align": 1.0, "temperature": 0.5, **options}
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        seen = []
        head = model.module.get_output_embeddings()
        hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        losses = answer_token_losses(ForestDecoder(model).logits(BATCH), BATCH, CHEAP)
        hook.remove()
        (saliency,) = torch.autograd.grad(losses.sum(), seen[0], create_graph=True)
        tokens = [len(example.answer) for example in BATCH]
        owner = np.array(["abc".index(example.task) for example in BATCH])
        samples = torch.stack([part.sum(dim=0) for part in saliency[0].split(tokens)])
        by_token = torch.from_numpy(np.repeat(owner, tokens))
        means = torch.stack([saliency[0][by_token == task].mean(dim=0) for task in range(3)])
        total = sum(mean_losses(ForestDecoder(model), BATCH)) / 3 + full["entropy"] * entropy(means)
        total = total + full["align"] * contrast(samples, means, owner, full["temperature"])
        expected = torch.cat([part.flatten() for part in torch.autograd.grad(total, trainee.parameters)])
        balanced_gradient(model, trainee, balanced("rep_mtl", **full), pack_tokens=pack_tokens, frugal=frugal)(BATCH, 1)
        found = torch.cat([parameter.grad.flatten() for parameter in trainee.parameters])
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-3)


def test_a_few_steps_lower_the_penalties(model):
    def penalties(trainee):
        with parted(model.module.get_output_embeddings()) as sides:
            losses = answer_token_losses(ForestDecoder(model).logits(BATCH), BATCH, CHEAP)
        (saliency,) = torch.autograd.grad(losses.sum(), sides[0][1])
        tokens = [len(example.answer) for example in BATCH]
        owner = np.array(["abc".index(example.task) for example in BATCH])
        by_token = torch.from_numpy(np.repeat(owner, tokens))
        means = torch.stack([saliency[0][by_token == task].mean(dim=0) for task in range(3)])
        samples = torch.stack([part.sum(dim=0) for part in saliency[0].split(tokens)])
        return float(entropy(means)), float(contrast(samples, means, owner, 0.5))

    def after(**options):
        with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
            gradient = balanced_gradient(model, trainee, balanced("rep_mtl", **options))
            optimizer = torch.optim.AdamW(trainee.parameters, lr=5e-3)
            for step in range(1, 16):
                gradient(BATCH, step)
                optimizer.step()
                optimizer.zero_grad()
            return penalties(trainee)

    plain = after(entropy=0.0, align=0.0)
    assert after(entropy=20.0, align=0.0)[0] < plain[0]
    assert after(entropy=0.0, align=20.0)[1] < plain[1]


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="temperature > 0; entropy, align >= 0"):
        Balance("rep_mtl", {"entropy": -1.0})
