"""Models with random weights: as large as one likes, with nothing to fetch."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cotune.training.embedded import model_folder

if TYPE_CHECKING:
    from transformers import LlamaConfig, PreTrainedTokenizerFast

SIZES = {
    "tiny": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4},
    "random-135m": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9},
    "random-1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32},
    "random-3b": {"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28, "num_attention_heads": 24},
}
"""Shapes of SmolLM2-135M and of Llama 3.2 1B and 3B, and a small one."""
KEY_VALUE_HEADS = {"tiny": 2, "random-135m": 3, "random-1b": 8, "random-3b": 8}
VOCABULARY = 49_152


def folder_of(model: str, cache: Path) -> str:
    """Gives the folder of a model by one of the names above or "embedded"; a folder's own name is left as it is.

    Random weights are saved below `cache` when they are first asked for, in bfloat16 from a billion on.
    """
    if model == "embedded":
        return str(model_folder())
    if model not in SIZES:
        return model
    folder = cache / model
    if not (folder / "config.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            _save(model, Path(scratch, model))
            Path(scratch, model).rename(folder)
    return str(folder)


def _save(model: str, folder: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    made = LlamaForCausalLM(_config(model))
    if sum(weight.numel() for weight in made.parameters()) > 5e8:
        made = made.to(torch.bfloat16)
    made.save_pretrained(folder)
    _bytes_tokenizer().save_pretrained(folder)


def _config(model: str) -> "LlamaConfig":
    from transformers import LlamaConfig

    is_tiny = model == "tiny"
    return LlamaConfig(
        **SIZES[model],
        num_key_value_heads=KEY_VALUE_HEADS[model],
        vocab_size=512 if is_tiny else VOCABULARY,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=0.08 if is_tiny else 0.02,
        bos_token_id=0,
        eos_token_id=0,
    )


def _bytes_tokenizer() -> "PreTrainedTokenizerFast":
    """Gives a tokenizer of bytes: needs no file, and any text has tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    symbols = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={symbol: number for number, symbol in enumerate(symbols)}, merges=[]))
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
