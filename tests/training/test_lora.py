"""Adapters sit on the top layers only, come off without a trace, and load elsewhere."""

import pytest
import tiny
import torch
from peft import PeftModel
from test_decoders import made_examples
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.pytorch_utils import Conv1D

from cotune import Mixture, Request
from cotune.training import Lora, Train
from cotune.training.adapter import Adapter
from cotune.training.balance.teachers import standing_in, weights_of
from cotune.training.lora import adapted
from cotune.training.lora_factors import factors_of
from cotune.training.model import load_model
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.reuse.folders import read_adapters
from cotune.training.reuse.library import shelved


@pytest.fixture(params=tiny.FAMILIES)
def model(request, tmp_path):
    return load_model(tiny.save_model(tmp_path / "base", request.param), train=Train(), lora=Lora())


def trained(trainee, *, seed=1):
    """Moves the weights somewhere; an adapter's second matrix begins at zero."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in trainee.parameters:
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return trainee.state()


@pytest.mark.parametrize("lora", [Lora(layers="top-2"), Lora(layers="all"), Lora(layers="top-1", method="full")])
def test_afterwards_the_model_is_what_it_was(model, lora):
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    with adapted(model, lora, seed=0) as trainee:
        trained(trainee)
    after = model.module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


def test_only_the_top_layers_are_trained(model):
    with adapted(model, Lora(layers="top-2"), seed=0) as trainee:
        upper = {id(parameter) for layer in model.layers[2:] for parameter in layer.parameters()}
        assert {id(parameter) for parameter in trainee.parameters} <= upper
        linear = 4 if "gpt2" in model.module.config.model_type else 7
        assert len(trainee.parameters) == 2 * 2 * linear


def test_a_seed_decides_the_start_and_leaves_torchs_generator_alone(model):
    def start(seed):
        with adapted(model, Lora(), seed=seed) as trainee:
            return torch.cat([weight.flatten() for weight in trainee.state().values()])

    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    assert torch.equal(start(1), start(1))
    assert not torch.equal(start(1), start(2))
    assert torch.equal(torch.rand(1), expected)


def test_a_saved_adapter_loads_with_peft_and_gives_the_same_logits(model, tmp_path):
    lora, examples = Lora(layers="top-2", rank=4), made_examples(count=3)
    with adapted(model, lora, seed=0) as trainee:
        state = trained(trainee)
        expected = PaddedDecoder(model).logits(examples)
    adapter = Adapter(Request(Mixture.of(["a"])), state, {}, (), 0.0, model, lora)
    adapter.save(tmp_path / "adapter")
    AutoTokenizer.from_pretrained(tmp_path / "adapter")
    fresh = AutoModelForCausalLM.from_pretrained(model.name)
    loaded = PeftModel.from_pretrained(fresh, tmp_path / "adapter").eval()
    ids = torch.tensor([examples[0].ids])
    logits = loaded(input_ids=ids).logits[0, list(examples[0].predictors)]
    torch.testing.assert_close(logits, expected[: len(examples[0].answer)], atol=1e-4, rtol=1e-4)
    assert loaded.peft_config["default"].base_model_name_or_path == model.name
    assert not (tmp_path / "adapter" / "README.md").exists()


def test_a_fully_trained_model_is_saved_whole(model, tmp_path):
    lora, examples = Lora(layers="all", method="full"), made_examples(count=3)
    with adapted(model, lora, seed=0) as trainee:
        state = trained(trainee)
        expected = PaddedDecoder(model).logits(examples)
    Adapter(Request(Mixture.of(["a"])), state, {}, (), 0.0, model, lora).save(tmp_path / "whole")
    again = load_model(str(tmp_path / "whole"), train=Train(), lora=lora)
    torch.testing.assert_close(PaddedDecoder(again).logits(examples), expected)


def add_to_weights(model, differences):
    """Adds differences [out, in] to the weights of a model's linear modules, by name."""
    with torch.no_grad():
        for name, difference in differences.items():
            part = model.module.get_submodule(name)
            part.weight.add_(difference.T if isinstance(part, Conv1D) else difference)


@torch.no_grad()
def test_h10_weight_differences_of_a_saved_adapter_make_the_adapted_model_out_of_the_base(model, tmp_path):
    lora, examples = Lora(layers="top-2", rank=4), made_examples(count=3)
    with adapted(model, lora, seed=0) as trainee:
        state = trained(trainee)
        expected = PaddedDecoder(model).logits(examples)
    Adapter(Request(Mixture.of(["a"])), state, {}, (), 0.0, model, lora).save(tmp_path / "adapter")
    with shelved(model, read_adapters([tmp_path / "adapter"], model)) as library:
        factors = library.factors(library.whole(0))
    assert float((PaddedDecoder(model).logits(examples) - expected).abs().max()) > 0.01
    add_to_weights(model, {name: own.scale * own.up @ own.down for name, own in factors.items()})
    torch.testing.assert_close(PaddedDecoder(model).logits(examples), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_h10_a_pass_with_the_mixed_weights_of_two_adapters_is_that_of_the_mix_written_into_the_model(model):
    lora, examples = Lora(layers="top-2", rank=4), made_examples(count=3)
    with adapted(model, lora, seed=0) as trainee:
        states = [trained(trainee, seed=seed) for seed in (1, 2)]
        both = [weights_of(trainee, state) for state in states]
        before = [parameter.clone() for parameter in trainee.parameters]
        with standing_in(trainee.parameters, [0.25 * one + 0.75 * two for one, two in zip(*both, strict=True)]):
            found = PaddedDecoder(model).logits(examples)
        assert all(torch.equal(*pair) for pair in zip(before, trainee.parameters, strict=True))
        for weights in both:
            with standing_in(trainee.parameters, weights):
                assert float((PaddedDecoder(model).logits(examples) - found).abs().max()) > 0.01
    mixed = {name: 0.25 * states[0][name] + 0.75 * states[1][name] for name in states[0]}
    factors = factors_of(mixed, lora.alpha / lora.rank)
    add_to_weights(model, {name: own.scale * own.up @ own.down for name, own in factors.items()})
    torch.testing.assert_close(PaddedDecoder(model).logits(examples), found, atol=1e-5, rtol=1e-5)


def test_unknown_modules_are_named(model):
    with pytest.raises(ValueError, match=r"its linear modules are \["), adapted(model, Lora(modules=("nose",)), seed=0):
        pass


def test_dropout_is_active_in_the_adapter_only_and_in_training_only(model):
    examples = made_examples(count=2)
    with adapted(model, Lora(layers="top-2", dropout=0.5), seed=0) as trainee:
        trained(trainee)
        decoder = PaddedDecoder(model)
        scored = decoder.logits(examples)
        assert torch.equal(decoder.logits(examples), scored)
        trainee.train(True)
        assert not torch.equal(decoder.logits(examples), decoder.logits(examples))
        trainee.train(False)
        assert torch.equal(decoder.logits(examples), scored)
    assert torch.equal(decoder.logits(examples), decoder.logits(examples))
