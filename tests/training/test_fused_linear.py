"""The fused linear layer gives what peft's own gives, and steps back where it does not fit."""

import pytest
import tiny
import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora.layer import Linear
from test_packing import shake

from cotune.training import Lora
from cotune.training.fused_linear import FusedLinear, fuse
from cotune.training.lora import adapted
from cotune.training.model import LanguageModel


def layer(dtype=torch.float32, **options):
    torch.manual_seed(0)
    base = torch.nn.Linear(12, 20, dtype=dtype).requires_grad_(False)
    made = FusedLinear(base, "default", config=LoraConfig(r=4, lora_alpha=6, **options), r=4, lora_alpha=6)
    torch.nn.init.normal_(made.lora_B["default"].weight)
    return made


def both(made, given, dropout_seed=1):
    """Gives output and gradients of the fused way and of peft's."""
    found = []
    for way in (FusedLinear, Linear):
        given = given.detach().requires_grad_()
        torch.manual_seed(dropout_seed)
        out = way.forward(made, given)
        out.square().sum().backward()
        factors = [made.lora_A["default"].weight, made.lora_B["default"].weight]
        found.append([out.detach(), given.grad, *(factor.grad for factor in factors)])
        made.zero_grad()
    return found


@pytest.mark.parametrize("shape", [(12,), (5, 12), (2, 5, 12)])
def test_output_and_gradients_are_those_of_peft(shape):
    for one, other in zip(*both(layer(), torch.randn(shape)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_dropout_draws_what_it_draws_in_peft():
    made = layer()
    made.lora_dropout["default"] = torch.nn.Dropout(0.5)
    fused, plain = both(made, torch.randn(2, 5, 12))
    torch.testing.assert_close(fused[0], plain[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(fused[0], both(made, torch.randn(2, 5, 12), dropout_seed=2)[0][0])


@pytest.mark.parametrize("how", ["off", "merged", "dtype"])
def test_what_does_not_fit_runs_as_in_peft(how, monkeypatch):
    made = layer(torch.bfloat16 if how == "dtype" else torch.float32)
    made.lora_A.float(), made.lora_B.float()  # as peft has them under half precision
    if how == "off":
        made.enable_adapters(False)
    if how == "merged":
        made.merge()
    given = torch.randn(5, 12, dtype=made.base_layer.weight.dtype)
    monkeypatch.setattr(torch.Tensor, "addmm_", None)
    with torch.no_grad():
        torch.testing.assert_close(made(given), Linear.forward(made, given))


def test_only_plain_linear_layers_are_fused():
    class Other(torch.nn.Linear):
        pass

    for modules, is_fused in (([torch.nn.Linear(2, 2)], True), ([torch.nn.Linear(2, 2), Other(2, 2)], False)):
        config = LoraConfig(r=2)
        fuse(config, modules)
        assert bool(config._custom_modules) == is_fused


def test_an_adapter_begins_as_in_peft_and_is_loaded_by_it(tmp_path):
    def model():
        return LanguageModel("llama", tiny.make_model("llama").eval().requires_grad_(False), tiny.make_tokenizer(), "x")

    ours = model()
    ids = torch.arange(3, 40)[None]
    with adapted(ours, Lora(layers="all"), seed=7) as trainee:
        assert any(isinstance(part, FusedLinear) for part in ours.module.modules())
        shake(trainee.parameters)
        trainee.save(tmp_path)
        with torch.no_grad():
            expected = ours.module(ids).logits
    assert not any(isinstance(part, Linear) for part in ours.module.modules())
    loaded = PeftModel.from_pretrained(model().module, tmp_path)
    assert {type(part) for part in loaded.modules() if isinstance(part, Linear)} == {Linear}
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, expected, atol=1e-5, rtol=1e-5)
