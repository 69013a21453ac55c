"""Quantised models: the trunk, the forest and adapters work on them, and what cannot be is said in one line."""

import json
from dataclasses import replace
from importlib.util import find_spec

import pytest
import tiny
import torch
from peft import PeftModel
from test_decoders import made_examples
from test_fine_tune import TRAIN, fine_tune, run, same
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from cotune import Mixture, Request
from cotune.training import Budget, Lora, Train, quantize
from cotune.training.choice import choose_decoder
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted, targets
from cotune.training.model import load_model
from cotune.training.padded_decoder import PaddedDecoder
from cotune.training.quantize import keep_trainable, quantization, within_reach
from cotune.training.trunk import Trunk
from needs import missing

FOUR, EIGHT = replace(TRAIN, load_in_4bit=True), replace(TRAIN, load_in_8bit=True)
CLOSE = {4: 1e-4, 8: 2e-2}
"""Eight bits quantise the activations too: a last place that rounds the other way is a step of the grid."""


@pytest.fixture(scope="module", autouse=True)
def bitsandbytes():
    if find_spec("bitsandbytes") is None:
        missing("bitsandbytes is not installed")


@pytest.fixture(params=[FOUR, EIGHT], ids=["4bit", "8bit"])
def train(request):
    return request.param


@pytest.fixture(params=tiny.FAMILIES)
def name(request, tmp_path):
    return tiny.save_model(tmp_path / "base", request.param)


def test_forest_and_trunk_compute_what_the_whole_model_computes(name, train):
    model = load_model(name, train=train, lora=Lora())
    forest = choose_decoder(model, Trunk(model, 2), longest=64)
    assert isinstance(forest, ForestDecoder)
    examples = made_examples()
    close = CLOSE[train.bits]
    torch.testing.assert_close(forest.logits(examples), PaddedDecoder(model).logits(examples), atol=close, rtol=close)


def test_four_bits_compute_with_the_weights_that_they_stand_for(name):
    from bitsandbytes.functional import dequantize_4bit

    model = load_model(name, train=FOUR, lora=Lora())
    plain = load_model(name, train=TRAIN, lora=Lora())
    changed = 0
    for path, part in model.module.named_modules():
        if type(part).__name__ == "Linear4bit":
            other = plain.module.get_submodule(path)
            meant = dequantize_4bit(part.weight, part.weight.quant_state)
            other.weight.data.copy_(meant.T if isinstance(other, Conv1D) else meant)
            changed += 1
    assert changed >= 16
    examples = made_examples()
    expected = PaddedDecoder(plain).logits(examples)
    torch.testing.assert_close(PaddedDecoder(model).logits(examples), expected, atol=1e-4, rtol=1e-4)


def test_gradients_reach_the_lowest_adapter_also_after_scoring(name, train):
    model = load_model(name, train=train, lora=Lora())
    lora = Lora(layers="top-2")
    linear = 4 if "gpt2" in model.module.config.model_type else 7
    assert len(targets(model, lora)) == 2 * linear
    decoder = ForestDecoder(model, Trunk(model, 2))
    with adapted(model, lora, seed=0) as trainee:
        decoder.read(made_examples(), limit=512)
        decoder.logits(made_examples()).float().logsumexp(-1).sum().backward()
        seconds = [weight.grad.abs().max() for weight in trainee.parameters if weight.grad is not None]
    assert len(seconds) == 2 * 2 * linear
    assert sum(bool(size > 0) for size in seconds) == 2 * linear  # the second matrices; the first wait for these


def test_a_trial_learns_and_repeats_itself(base, train):
    evaluate = fine_tune(base, budget=Budget(steps=30), train=train)
    untrained, trial, again = run(evaluate), run(evaluate, "group"), run(evaluate, "group")
    assert trial.results["group"].loss < 0.8 * untrained.results["group"].loss
    assert same(trial, again)
    assert trial.device == f"cpu (1 threads, float32+{train.bits}bit)"


def test_a_saved_adapter_loads_with_peft_on_the_quantised_model(base, train, tmp_path):
    evaluate = fine_tune(base, train=train)
    adapter = evaluate.fit(Request(Mixture.of(["group"])))
    adapter.save(tmp_path / "adapter")
    fresh = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=quantization(train.bits, torch.float32), device_map={"": "cpu"}
    )
    loaded = PeftModel.from_pretrained(fresh, tmp_path / "adapter").eval()
    keep_trainable(loaded)  # bitsandbytes packs whole blocks for some processors; these weights are smaller than one
    ids = torch.tensor([made_examples()[0].ids])
    with adapted(evaluate.engine.model, evaluate.setup.lora, seed=0, state=adapter.state), torch.no_grad():
        expected = evaluate.engine.model.module(input_ids=ids).logits
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=ids).logits, expected, atol=1e-4, rtol=1e-4)


def test_states_of_quantised_and_plain_weights_are_kept_apart(base, train, tmp_path):
    for setting in (TRAIN, train):
        run(fine_tune(base, train=setting, cache=tmp_path), "group")
    kinds = {path.name.partition("-2-")[2] for path in tmp_path.iterdir()}
    assert kinds == {"float32", f"float32+{train.bits}bit"}


def test_a_model_that_is_stored_quantised_loads_so(name, tmp_path, train):
    module = AutoModelForCausalLM.from_pretrained(
        name, quantization_config=quantization(train.bits, torch.float32), device_map={"": "cpu"}
    )
    module.save_pretrained(tmp_path / "stored")
    tiny.make_tokenizer().save_pretrained(tmp_path / "stored")
    stored = load_model(str(tmp_path / "stored"), train=Train(), lora=Lora())
    quantised = load_model(name, train=train, lora=Lora())
    assert stored.bits == train.bits
    examples = made_examples(count=2)
    expected = PaddedDecoder(quantised).logits(examples)
    torch.testing.assert_close(PaddedDecoder(stored).logits(examples), expected, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match=f"has its weights in {train.bits} bits; lora.method 'full' cannot"):
        load_model(str(tmp_path / "stored"), train=Train(), lora=Lora(method="full"))


def test_settings_tell_of_it_only_where_it_is_on(base, train):
    def text(**others):
        return json.dumps(fine_tune(base, **others).settings(), sort_keys=True)

    assert "load_in" not in text()
    assert len({text(), text(train=FOUR), text(train=EIGHT)}) == 3


@pytest.mark.parametrize(
    ("constant", "value", "reason"),
    [
        ("PACKAGE", "bitsandbytes-that-nobody-has", "is not installed; install it with pip install"),
        ("LEAST", "9999.0", r"is too old; install it with pip install '.*>=9999.0'"),
    ],
)
def test_where_it_cannot_be_the_model_is_loaded_plain_and_recorded_so(base, monkeypatch, constant, value, reason):
    monkeypatch.setattr(quantize, constant, value)
    evaluate = fine_tune(base, train=FOUR)
    with pytest.warns(UserWarning, match=f"train.load_in_4bit is not followed: .*{reason}"):
        settings = evaluate.settings()
    assert settings == fine_tune(base).settings()
    assert run(evaluate, "group").device == "cpu (1 threads, float32)"


def test_a_device_that_bitsandbytes_does_not_know_is_named():
    with pytest.warns(UserWarning, match="does not compute on meta"):
        assert within_reach(EIGHT, torch.device("meta")).bits is None


def test_full_fine_tuning_of_quantised_weights_is_refused_before_anything_is_loaded():
    with pytest.raises(ValueError, match=r"lora.method 'full' trains .* Use method: lora, or leave load_in_4bit out"):
        fine_tune("no-such-model", train=FOUR, lora=Lora(method="full"))
    with pytest.raises(ValueError, match="Keep one"):
        replace(FOUR, load_in_8bit=True)
