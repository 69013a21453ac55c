"""Fingerprints of models: the content of their files as stored, whatever loads them, and into which dtype."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import PreTrainedTokenizerBase

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
PASSING = frozenset({"transformers_version", "dtype", "torch_dtype", "use_cache"})
"""Keys of a configuration that say who wrote it or how it is loaded, not what the model computes."""


def model_fingerprint(folder: Path, tokenizer: PreTrainedTokenizerBase) -> str:
    """Gives a digest of stored weights, configuration, vocabulary and chat template; about 1.5 s per GB.

    Raises:
        ValueError: the folder holds no weights of a whole model.
    """
    digest = hashlib.sha256()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    about = [_lasting(config), sorted(tokenizer.get_vocab().items()), tokenizer.chat_template]
    digest.update(json.dumps(about, sort_keys=True).encode())
    for path in weight_files(folder):
        for part in _parts(path):
            digest.update(part)
    return digest.hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """Gives the files that `from_pretrained` takes the weights from.

    Raises:
        ValueError: there are none.
    """
    for name in WEIGHTS:
        single, index = folder / name, folder / f"{name}.index.json"
        if single.is_file():
            return [single]
        if index.is_file():
            shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / shard for shard in sorted(set(shards))]
    raise ValueError(
        f"{folder} has no weights of a whole model: none of {list(WEIGHTS)}, whole or in shards. Merge an adapter "
        "into its model, and save it so."
    )


def _parts(path: Path) -> Iterator[bytes | memoryview]:
    """Yields name, shape, dtype and bytes of each stored tensor, or of a pickled file its own digest."""
    if path.suffix != ".safetensors":
        with path.open("rb") as stream:
            yield hashlib.file_digest(stream, "sha256").digest()
        return
    with safe_open(path, framework="pt") as stored:
        for name in sorted(stored.keys()):
            tensor = stored.get_tensor(name)
            yield f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode()
            yield tensor.flatten().view(torch.uint8).numpy().data


def _lasting(config: Mapping[str, object]) -> dict[str, object]:
    """Gives a configuration, inner ones included, without the keys that do not last."""
    return {
        key: _lasting(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in PASSING and not key.startswith("_")
    }
