"""Models with experts train as others do; routers stay frozen, and torch's hooks reach them (H12)."""

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from peft import PeftModel
from test_decoders import made_examples
from test_fine_tune import ECHO, TRAIN, fine_tune, run, same
from test_together import assert_equal, trials
from transformers import AutoModelForCausalLM, DeepseekV3Config, DeepseekV3ForCausalLM, PhimoeConfig, PhimoeForCausalLM

from cotune import Mixture, Request
from cotune.training import Budget, Lora, Scoring
from cotune.training.choice import choose_decoder, trunk_of
from cotune.training.forest import tokens_of
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import targets
from cotune.training.model import load_model
from cotune.training.padded_decoder import PaddedDecoder

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
SHARED = {"gate_proj", "up_proj", "down_proj", "shared_expert_gate"}
BOTH = Request(Mixture.of(["group", "echo"]))
FIRST = 2
"""The first trained layer under top-2."""


@pytest.fixture(scope="module", params=tiny.EXPERTS)
def name(request, tmp_path_factory):
    return tiny.save_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(params=["trunk", "whole", "plain"])
def evaluate(request, name, monkeypatch):
    """An evaluation on the fast path with the frozen layers' states kept or not, or on the plain one."""
    if request.param == "plain":
        monkeypatch.setattr("cotune.training.loaded.choose_decoder", lambda model, *_, **__: PaddedDecoder(model))
    train = replace(TRAIN, trunk="on" if request.param == "trunk" else "off")
    made = fine_tune(name, train=train, budget=Budget(steps=1))
    assert made.engine._decoder.uses_trunk == (request.param == "trunk")
    return made


def plain_loss(module, examples):
    """The mean loss over answer tokens by transformers' own forward pass, row by row."""
    with torch.no_grad():
        sums = [
            float(module(input_ids=torch.tensor([row.ids]), labels=torch.tensor([labels(row)])).loss) * len(row.answer)
            for row in examples
        ]
    return sum(sums) / sum(len(row.answer) for row in examples)


def labels(row):
    return [*[-100] * len(row.prompt), *row.answer]


def other_experts(_, __, given):
    """Sends each token to the experts after those that its router chose, with half the weight."""
    logits, weights, chosen = given
    return logits, weights / 2, (chosen + 1) % 4


@pytest.mark.parametrize("depth", [0, 3])
@torch.no_grad()
def test_the_fast_path_gives_what_the_whole_model_gives(name, depth):
    model, examples = load_model(name, train=TRAIN, lora=Lora()), made_examples()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoder = choose_decoder(model, trunk_of(model, depth, cache=None), longest=60)
    assert isinstance(decoder, ForestDecoder)
    expected = PaddedDecoder(model).logits(examples)
    torch.testing.assert_close(decoder.logits(examples), expected, atol=1e-5, rtol=1e-4)


def test_the_first_step_has_the_loss_of_a_plain_forward_pass_and_training_lowers_it(name, evaluate):
    (batch,) = evaluate.engine.plan(BOTH).batches
    plain = plain_loss(AutoModelForCausalLM.from_pretrained(name), batch)
    (trial,) = evaluate([BOTH])
    assert trial.train_loss == pytest.approx([plain], abs=1e-5)
    longer = fine_tune(name, train=evaluate.setup.train, budget=Budget(steps=20))
    losses = run(longer, "group", "echo").train_loss
    assert losses[0] == pytest.approx(plain, abs=0.5)  # of another batch
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_h12_a_hook_at_a_router_sees_what_it_gives_for_the_tokens_of_a_batch(name, evaluate):
    (batch,) = evaluate.engine.plan(BOTH).batches
    seen, expected = [], []

    def listen(_, __, given):
        if torch.is_grad_enabled():
            seen.append(given[0])

    router = evaluate.engine.model.layers[FIRST].mlp.gate
    plain = AutoModelForCausalLM.from_pretrained(name)
    hooks = [
        router.register_forward_hook(listen),
        plain.model.layers[FIRST].mlp.gate.register_forward_hook(lambda _, __, given: expected.append(given[0][:-1])),
    ]
    (trial,) = evaluate([BOTH])
    plain_loss(plain, batch)
    for hook in hooks:
        hook.remove()
    assert trial.error is None
    logits = torch.cat(seen)  # [token, expert]
    assert logits.requires_grad
    is_fast = isinstance(evaluate.engine._decoder, ForestDecoder)
    assert len(logits) == (tokens_of(batch) if is_fast else len(batch) * max(row.tokens for row in batch))
    apart = torch.cdist(torch.cat(expected), logits.detach(), compute_mode="donot_use_mm_for_euclid_dist")
    assert float(apart.min(dim=1).values.max()) < 1e-5
    assert float(apart.max()) > 0.1


def test_h12_what_a_hook_at_a_router_gives_back_counts_in_training_and_in_scores(name, evaluate, tmp_path):
    (batch,) = evaluate.engine.plan(BOTH).batches
    router = evaluate.engine.model.layers[FIRST].mlp.gate
    (without,) = evaluate([BOTH])
    hook = router.register_forward_hook(other_experts)
    (trial,), adapter = evaluate([BOTH]), evaluate.fit(BOTH)
    hook.remove()
    plain = AutoModelForCausalLM.from_pretrained(name)
    plain.model.layers[FIRST].mlp.gate.register_forward_hook(other_experts)
    assert trial.train_loss == pytest.approx([plain_loss(plain, batch)], abs=1e-5)
    assert abs(trial.train_loss[0] - without.train_loss[0]) > 1e-3
    adapter.save(tmp_path / "adapter")
    trained = PeftModel.from_pretrained(plain, tmp_path / "adapter").eval()
    (exam,) = [exam for exam in evaluate.engine.exams("dev", None) if exam.task.name == "echo"]
    assert trial.results["echo"].loss == pytest.approx(plain_loss(trained, exam.examples), abs=1e-5)
    assert abs(trial.results["echo"].loss - without.results["echo"].loss) > 1e-3


def test_attention_and_shared_experts_are_adapted_and_come_back_with_peft(name, tmp_path):
    evaluate = fine_tune(name)
    expected = ATTENTION | SHARED if "qwen2_moe" in name else ATTENTION
    assert {each.rpartition(".")[2] for each in targets(evaluate.engine.model, Lora())} == expected
    adapter = evaluate.fit(BOTH)
    adapter.save(tmp_path / "adapter")
    again = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(name), tmp_path / "adapter").eval()
    (exam,) = [exam for exam in evaluate.engine.exams("dev", 4) if exam.task.name == "echo"]
    scored = evaluate.score(adapter, split="dev", rows=4)["echo"]
    assert scored.loss == pytest.approx(plain_loss(again, exam.examples), abs=1e-5)
    assert abs(scored.loss - evaluate.score(None, split="dev", rows=4)["echo"].loss) > 1e-3


def test_trained_in_full_experts_and_routers_move_and_are_saved(name, tmp_path):
    evaluate = fine_tune(name, lora=Lora(method="full", layers="top-1"))
    adapter = evaluate.fit(BOTH)
    before = dict(evaluate.engine.model.module.named_parameters())
    moved = {part for part, weight in adapter.state.items() if not torch.equal(weight, before[part])}
    assert {"model.layers.3.mlp.gate.weight", "model.layers.3.mlp.experts.down_proj"} <= moved
    adapter.save(tmp_path / "whole")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "whole").state_dict()
    assert all(torch.equal(again[part], weight) for part, weight in adapter.state.items())


def test_a_trial_repeats_itself_to_the_bit(name):
    one, other = (run(fine_tune(name), "group", "echo") for _ in range(2))
    assert one.error is None
    assert same(one, other)


def test_side_by_side_each_trial_is_what_it_is_alone(tmp_path):
    name = tiny.save_model(tmp_path, "mixtral")
    alone, together = (trials(name, width=width) for width in (1, 3))
    assert_equal(alone, together)
    assert any("side by side" in trial.device for trial in together.values())


@pytest.mark.parametrize("family", ["mixtral", "qwen2_moe"])
def test_a_model_that_is_stored_to_give_its_routers_logits_stays_on_the_fast_path(family, tmp_path):
    config = Path(tiny.save_model(tmp_path, family)) / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "output_router_logits": True}))
    evaluate = fine_tune(str(tmp_path), scoring=Scoring(classify="generation", metric_for=(ECHO.name,)))
    assert isinstance(evaluate.engine._decoder, ForestDecoder)
    evaluate.engine._decoder = PaddedDecoder(evaluate.engine.model)
    assert run(evaluate, "group").error is None


def test_a_router_that_is_a_linear_module_gets_no_adapter(tmp_path):
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32}
    config = PhimoeConfig(**sizes, vocab_size=340, intermediate_size=24, num_local_experts=4, num_experts_per_tok=2)
    PhimoeForCausalLM(config).save_pretrained(tmp_path)
    tiny.make_tokenizer().save_pretrained(tmp_path)
    evaluate = fine_tune(str(tmp_path), lora=Lora(layers="all"))
    assert {each.rpartition(".")[2] for each in targets(evaluate.engine.model, Lora())} == ATTENTION
    assert run(evaluate, "group", "echo").error is None
    with pytest.raises(ValueError, match=r"lora.modules \['router'\] are not in this model"):
        targets(evaluate.engine.model, Lora(modules=("router",)))


def test_modules_that_peft_takes_for_experts_are_refused_in_one_line_before_the_first_trial(tmp_path):
    sizes = {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 32}
    heads = {"kv_lora_rank": 8, "q_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
    routed = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1}
    routed |= {"moe_intermediate_size": 24, "first_k_dense_replace": 1}
    config = DeepseekV3Config(**sizes, **heads, **routed, vocab_size=340, intermediate_size=64)
    DeepseekV3ForCausalLM(config).save_pretrained(tmp_path)
    tiny.make_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"takes the modules \['down_proj', 'gate_proj', 'up_proj'\]") as raised:
        run(fine_tune(str(tmp_path)), "group")
    assert len(str(raised.value).splitlines()) == 1
    _, _, remedy = str(raised.value).partition("lora.modules: ")
    modules = tuple(json.loads(remedy.rstrip(".").replace("'", '"')))
    with pytest.raises(ValueError, match=re.escape(remedy)):
        run(fine_tune(str(tmp_path), lora=Lora(modules=("down_proj",))), "group")
    evaluate = fine_tune(str(tmp_path), lora=Lora(layers="top-2", modules=modules))
    before = [part for part, _ in evaluate.engine.model.module.named_modules()]
    assert run(evaluate, "group").error is None
    assert [part for part, _ in evaluate.engine.model.module.named_modules()] == before
