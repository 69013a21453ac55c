"""Tiny models, a tokenizer and made-up tasks for the tests of training."""

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from cotune.task import Row, Task, Template

ANIMALS = ("cat", "dog", "cow", "hen", "fox", "owl", "bee", "ant")
FRUITS = ("fig", "kiwi", "lime", "pear", "plum", "date", "apple", "peach")
FAMILIES = ("llama", "gpt2", "qwen2")
EXPERTS = {
    "mixtral": (MixtralForCausalLM, MixtralConfig, {"num_local_experts": 4}),
    "olmoe": (OlmoeForCausalLM, OlmoeConfig, {"num_experts": 4}),
    "qwen2_moe": (
        Qwen2MoeForCausalLM,
        Qwen2MoeConfig,
        {"num_experts": 4, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 48},
    ),
    "qwen3_moe": (Qwen3MoeForCausalLM, Qwen3MoeConfig, {"num_experts": 4, "moe_intermediate_size": 24, "head_dim": 8}),
}
"""Families whose layers have routers, `mlp.gate`; each token goes to two of four experts."""
CHAT_TEMPLATE = (
    "{% for message in messages %}<turn>{{ message['role'] }}: {{ message['content'] }}<over>{% endfor %}"
    "{% if add_generation_prompt %}<turn>assistant: {% endif %}"
)


def make_tokenizer(*, chat: bool = False) -> PreTrainedTokenizerFast:
    """Gives a byte-level BPE tokenizer of about 320 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<end>", "<turn>", "<over>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join((*ANIMALS, *FRUITS, "Text: Label: animal fruit none say"))] * 9, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    if chat:
        fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(family: str, *, vocabulary: int = 340, seed: int = 0) -> PreTrainedModel:
    """Gives a randomly initialised decoder with four layers; weights are large, so that its outputs vary."""
    torch.manual_seed(seed)
    sizes = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32}
    common = {"vocab_size": vocabulary, "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.08}
    if family == "gpt2":
        config = GPT2Config(n_embd=32, n_layer=4, n_head=4, n_positions=512, **common)
        return GPT2LMHeadModel(config)
    wide = {**sizes, **common, "intermediate_size": 64, "max_position_embeddings": 512}
    if family in EXPERTS:
        kind, config, own = EXPERTS[family]
        return kind(config(**wide, **own, num_experts_per_tok=2, pad_token_id=0))
    if family == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(**wide, head_dim=8))
    return LlamaForCausalLM(LlamaConfig(**wide)) if family == "llama" else Qwen2ForCausalLM(Qwen2Config(**wide))


def save_model(folder: Path, family: str = "llama", *, chat: bool = False) -> str:
    """Saves a random model with its tokenizer and gives the folder as a model's name."""
    make_model(family).save_pretrained(folder)
    make_tokenizer(chat=chat).save_pretrained(folder)
    return str(folder)


def group_task(name: str = "group", *, rows: int = 40, seed: int = 0) -> Task:
    """Gives a classification task: are the three words animals or fruits?"""
    rng = random.Random(f"{name} {seed}")

    def row(index: int) -> Row:
        label = rng.choice(("animal", "fruit"))
        words = rng.choices(ANIMALS if label == "animal" else FRUITS, k=3)
        return Row(f"{name}-{index}", {"text": " ".join(words)}, label)

    made = [row(index) for index in range(rows + 24)]
    splits = {"train": made[:rows], "dev": made[rows : rows + 12], "test": made[rows + 12 :]}
    template = Template("Label with one of: {labels}.", "Text: {text}\nLabel:")
    return Task(name, "classification", splits, labels=("animal", "fruit"), template=template, metric="accuracy")


def echo_task(name: str = "echo", *, rows: int = 40, words: int = 2) -> Task:
    """Gives a generation task: say the words again."""
    rng = random.Random(name)
    texts = [" ".join(rng.choices(ANIMALS + FRUITS, k=rng.randint(1, words))) for _ in range(rows + 24)]
    made = [Row(f"{name}-{index}", {"input": text}, text) for index, text in enumerate(texts)]
    splits = {"train": made[:rows], "dev": made[rows : rows + 12], "test": made[rows + 12 :]}
    return Task(name, "generation", splits, template=Template("", "say {input}\nAnswer:"))


def to_the_end(descent):
    """Trains to the end and gives the loss of each step."""
    descent.advance(descent.steps)
    return tuple(descent.losses)
