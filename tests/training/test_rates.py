"""A rate of a dataset's own says how far a step on its rows moves the adapter, under AdamW, in a mixed training."""

from dataclasses import replace

import pytest
import tiny
import torch
from test_decoders import made_examples

from cotune import Mixture, Request
from cotune.training import Budget, FineTune, Lora, TaskTrain, Train
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.loop import Descent
from cotune.training.lora import adapted

PLAIN = Train(lr=1e-3, batch_examples=8, max_length=96, schedule="constant", warmup=0, clip=None)
SLOW = replace(PLAIN, overrides={"b": TaskTrain(lr=0.25)})
FIRST = [replace(example, task="a") for example in made_examples(count=5, seed=1)]
SECOND = [replace(example, task="b") for example in made_examples(count=4, seed=2)]


def step(model, batch, train):
    """Gives how far one step on a batch moves the adapter, and the gradient that AdamW was given."""
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        before = [parameter.detach().clone() for parameter in trainee.parameters]
        options = {"train": train, "pack_tokens": 10**6, "progress": lambda *_: None}
        descent = Descent(ForestDecoder(model), trainee.parameters, [batch], **options)
        descent.advance(1)
        pairs = zip(trainee.parameters, before, strict=True)
        moved = torch.cat([(now.detach() - was).flatten() for now, was in pairs])
        gradient = [
            moments["exp_avg"].flatten() / (1 - train.betas[0]) for moments in descent.moments()["state"].values()
        ]
        return float(moved.norm()), torch.cat(gradient)


def test_a_step_on_one_dataset_moves_by_its_rate(model):
    """AdamW makes steps alike in length, whatever the loss; the rate of a dataset is then the ratio of its steps."""
    lengths = {
        (name, train is SLOW): step(model, rows, train)[0]
        for name, rows in (("a", FIRST), ("b", SECOND))
        for train in (PLAIN, SLOW)
    }
    assert lengths["a", True] == pytest.approx(lengths["a", False], rel=1e-5)
    assert lengths["b", True] == pytest.approx(0.25 * lengths["b", False], rel=1e-4)
    assert lengths["b", True] == pytest.approx(0.25 * lengths["a", True], rel=1e-2)


def test_a_step_on_two_datasets_has_their_shares_and_the_mean_of_their_rates(model):
    """Shares: AdamW is given the sum of rate x gradient, scaled. Length: the mean rate over answer tokens."""
    both = [*FIRST, *SECOND]
    (length, given), (plain, _) = step(model, both, SLOW), step(model, both, PLAIN)
    one, other = (sum(len(example.answer) for example in rows) for rows in (FIRST, SECOND))
    assert length == pytest.approx((one + 0.25 * other) / (one + other) * plain, rel=1e-2)
    gradients = [step(model, rows, PLAIN)[1] for rows in (FIRST, SECOND)]
    expected = (one * gradients[0] + 0.25 * other * gradients[1]) / (one + 0.25 * other)
    torch.testing.assert_close(given, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("rate", [0.25, 3.0])
def test_in_a_mixed_trial_each_dataset_moves_the_adapter_by_its_rate(random_base, rate, monkeypatch):
    """Step by step beside the trial without it. Steps are so short that both trials meet the same gradients."""
    ratios = {"group": [], "echo": []}
    plain, slow = (moves(random_base, factor, monkeypatch) for factor in (None, rate))
    for (name, before), (same, length) in zip(plain, slow, strict=True):
        assert name == same
        ratios[name].append(length / before)
    assert min(map(len, ratios.values())) >= 3
    assert ratios["group"] == pytest.approx([1.0] * len(ratios["group"]), rel=1e-2)
    assert ratios["echo"] == pytest.approx([rate] * len(ratios["echo"]), rel=1e-2)


def moves(base, rate, monkeypatch):
    """Gives the dataset of each step of a trial, and how far the step moves what began at zero."""
    tasks = (tiny.group_task(), tiny.echo_task())
    own = {"group": TaskTrain(draw=8), "echo": TaskTrain(draw=8, lr=rate)}  # a batch is of one dataset
    train = replace(PLAIN, lr=1e-6, overrides=own)
    options = {"targets": ("group",), "budget": Budget(steps=8), "lora": Lora(layers="top-2"), "train": train}
    evaluate, request, lengths, fresh = FineTune(base, tasks, **options), Request(Mixture.of(["group", "echo"])), [], []
    plain = torch.optim.AdamW.step

    def stepping(self):
        weights = [weight for group in self.param_groups for weight in group["params"]]
        fresh.extend([] if lengths else [weight for weight in weights if not weight.any()])
        before = [weight.detach().clone() for weight in fresh]
        plain(self)
        lengths.append(
            float(torch.cat([(now.detach() - was).flatten() for now, was in zip(fresh, before, strict=True)]).norm())
        )

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stepping)
        (trial,) = evaluate([request])
    assert trial.error is None
    names = ["+".join({example.task for example in batch}) for batch in evaluate.engine.plan(request).batches]
    return list(zip(names, lengths, strict=True))
