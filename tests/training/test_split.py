"""A model that accelerate has split computes the same: its hooks stay, whatever stands in for a layer."""

from dataclasses import replace

import pytest
import tiny
import torch
from accelerate import dispatch_model
from test_decoders import END, made_examples
from test_fine_tune import TRAIN, fine_tune, run

from cotune.training import Lora
from cotune.training.checkpoint import checkpointed
from cotune.training.decoder import Generation
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.losses import weighted_losses
from cotune.training.model import LanguageModel, _check_split
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.trunk import Trunk

LORA = Lora(layers="top-2")


def blocks(module):
    """Gives what accelerate would put on devices: the layers one by one, and all that stands beside them."""
    inner = module.base_model
    prefix = module.base_model_prefix
    for name, part in inner.named_children():
        if isinstance(part, torch.nn.ModuleList):
            yield from (f"{prefix}.{name}.{index}" for index in range(len(part)))
        else:
            yield f"{prefix}.{name}"
    yield "lm_head"


@pytest.fixture(params=tiny.FAMILIES)
def pair(request):
    """A model, and an equal one with a hook on each part that brings what goes in to the part's device."""

    def made():
        return tiny.make_model(request.param).eval().requires_grad_(False)

    split = made()
    dispatch_model(split, dict.fromkeys(blocks(split), "cpu"), main_device="cpu", force_hooks=True)
    tokenizer = tiny.make_tokenizer()
    return (
        LanguageModel("plain", made(), tokenizer, "0" * 64),
        LanguageModel("split", split, tokenizer, "0" * 64, is_split=True),
    )


def forwards(model):
    return [vars(layer)["forward"] for layer in model.layers]


def test_logits_outputs_and_states_are_equal_and_hooks_stay(pair):
    plain, split = pair
    before = forwards(split)
    examples, how = made_examples(), Generation(END, 8, rows=3)
    trunks = [Trunk(model, 2) for model in pair]
    forests = [ForestDecoder(model, trunk) for model, trunk in zip(pair, trunks, strict=True)]
    assert torch.equal(*(forest.logits(examples) for forest in forests))
    read, expected = (forest.read(examples, limit=60, generation=how) for forest in forests)
    assert [reading.output for reading in read] == [reading.output for reading in expected]
    assert torch.equal(PaddedDecoder(plain).logits(examples), PaddedDecoder(split).logits(examples))
    assert forwards(split) == before


def test_gradients_are_equal_and_the_adapter_comes_off(pair):
    before, found = forwards(pair[1]), []
    for model in pair:
        with adapted(model, LORA, seed=0) as trainee, checkpointed(model.layers[2:]):
            decoder = ForestDecoder(model, Trunk(model, 2))
            weighted_losses(decoder.logits(made_examples()), made_examples(), TRAIN).sum().backward()
            found.append([parameter.grad.clone() for parameter in trainee.parameters])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    assert forwards(pair[1]) == before


def test_hooks_see_every_layer_that_runs(pair):
    split = pair[1]
    seen = []
    for number, layer in enumerate(split.layers):
        old = layer._hf_hook.pre_forward
        layer._hf_hook.pre_forward = lambda *given, number=number, old=old, **named: (
            seen.append(number),
            old(*given, **named),
        )[1]
    decoder = ForestDecoder(split, Trunk(split, 2))
    decoder.logits(made_examples(count=2))
    seen.clear()
    decoder.logits(made_examples(count=2))
    assert seen == [2, 3]


def test_without_several_gpus_the_setting_changes_nothing(random_base):
    mapped = fine_tune(random_base, train=replace(TRAIN, device_map="auto"))
    plain = fine_tune(random_base)
    assert mapped.settings() == plain.settings()
    assert run(mapped, "group").train_loss == run(plain, "group").train_loss


def test_a_model_that_the_gpus_do_not_hold_is_refused_and_so_is_splitting_copies(pair, random_base):
    module = pair[0].module
    module.hf_device_map = {"": 0, "lm_head": 1}
    assert _check_split("big", module)
    module.hf_device_map = {"": 0}
    assert not _check_split("big", module)
    module.hf_device_map = {"": 0, "lm_head": "disk"}
    with pytest.raises(ValueError, match=r"The model 'big' does not fit on .* set train\.load_in_4bit"):
        _check_split("big", module)
    with pytest.raises(ValueError, match="Keep one of the two"):
        fine_tune(random_base, train=replace(TRAIN, device_map="auto", processes=2))
