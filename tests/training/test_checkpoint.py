"""Gradient checkpointing changes memory alone: gradients, losses and the model afterwards are what they were."""

from dataclasses import replace

import pytest
import tiny
import torch
from test_decoders import made_examples
from test_fine_tune import TRAIN, fine_tune, run

from cotune.training import Lora
from cotune.training.checkpoint import checkpointed
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.losses import weighted_losses
from cotune.training.model import LanguageModel
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk

LORA = Lora(layers="top-3", dropout=0.3)


@pytest.fixture(params=tiny.FAMILIES)
def model(request):
    module = tiny.make_model(request.param).eval().requires_grad_(False)
    return LanguageModel(request.param, module, tiny.make_tokenizer(), request.param)


def forest(model):
    return ForestDecoder(model, Trunk(model, 1))


def gradients(model, decoder, *, is_checkpointed):
    """Gives the gradients of one pack, with dropout in the adapter, and the bytes kept for the backward pass."""
    kept = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with adapted(model, LORA, seed=0) as trainee:
        torch.manual_seed(1)
        with torch.no_grad():
            for parameter in trainee.parameters:
                parameter.add_(torch.randn_like(parameter) * 0.05)
        layers = model.layers[model.depth(LORA) :] if is_checkpointed else []
        with checkpointed(layers):
            with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
                loss = weighted_losses(decoder.logits(made_examples()), made_examples(), TRAIN).sum()
            loss.backward()
        frozen = {weight.untyped_storage().data_ptr() for weight in model.module.parameters()}
        return [parameter.grad for parameter in trainee.parameters], sum(
            size for place, size in kept.items() if place not in frozen
        )


@pytest.mark.parametrize("make", [forest, PaddedDecoder])
def test_gradients_are_equal_and_less_is_kept(model, make):
    plain, much = gradients(model, make(model), is_checkpointed=False)
    again, little = gradients(model, make(model), is_checkpointed=True)
    assert len(plain) == len(again) > 0
    for one, other in zip(plain, again, strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)
    assert little < much / 2


def test_layers_are_what_they_were(model):
    before = [vars(layer).get("forward") for layer in model.layers]
    with pytest.raises(KeyError), checkpointed(model.layers):
        raise KeyError
    assert [vars(layer).get("forward") for layer in model.layers] == before


@pytest.mark.parametrize("layers", ["top-2", "all"])
def test_a_trial_is_the_same_with_it(random_base, layers):
    lora = Lora(layers=layers)
    plain = run(fine_tune(random_base, lora=lora), "group", "echo")
    evaluate = fine_tune(random_base, lora=lora, train=replace(TRAIN, gradient_checkpointing=True))
    trial = run(evaluate, "group", "echo")
    assert trial.train_loss == plain.train_loss
    assert trial.results == plain.results
    assert evaluate.settings() == fine_tune(random_base, lora=lora).settings()
