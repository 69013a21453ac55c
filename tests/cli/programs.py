"""What the tests of the command line share: programs of their own, and small pools."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

PAIR = ("animals", "fruits")
"""The datasets of `write_pair`."""


def start(*arguments: object, seconds: float = 0, **more: object) -> "subprocess.Popen[str]":
    """Starts cotune as a program of its own, whose trials take `seconds`."""
    environment = {**os.environ, "TRAINER_SECONDS": str(seconds), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from cotune.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def stop_in(stage: str, *arguments: object) -> "tuple[int, list[str]]":
    """Presses Ctrl-C once cotune says that it is in `stage`; gives its exit code and what it said after that."""
    process = start(*arguments)
    for line in process.stderr:
        if line.startswith(stage):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err.splitlines()


def write_pool(folder: Path, names: tuple[str, ...] = ("animals", "fruits", "sounds"), rows: int = 60) -> Path:
    """Writes small classification sets in the plain format, no row of one in another."""
    for name in names:
        rng = random.Random(name)
        (folder / name).mkdir(parents=True)
        card = {"name": name, "task": "classification", "labels": ["no", "yes"], "license": "CC0 1.0"}
        (folder / name / "dataset.json").write_text(json.dumps(card))
        for split, count in (("train", rows), ("dev", 24), ("test", 24)):
            lines = []
            for index in range(count):
                label = rng.choice(["no", "yes"])
                words = [f"{name}{rng.randrange(1000)}{'x' if label == 'yes' else 'o'}" for _ in range(6)]
                lines.append(json.dumps({"id": f"{name}-{split}-{index}", "text": " ".join(words), "label": label}))
            (folder / name / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def write_pair(path: Path, *, tokens: int, search: Mapping[str, object]) -> Path:
    """Writes a study of one mixture beside `model` and `data`: both of `PAIR`, so that there is nothing to search."""
    study = {
        "model": "model",
        "targets": ["animals"],
        "required": list(PAIR),
        "datasets": [{"name": name, "path": f"data/{name}"} for name in PAIR],
        "budget": {"tokens": tokens},
        "dev_rows": 12,
        "train": {"batch_tokens": 512, "max_length": 160},
        "lora": {"layers": "top-1"},
        "search": dict(search),
    }
    path.write_text(yaml.safe_dump(study))
    return path


def save_model(folder: Path) -> Path:
    """Saves a tiny random language model with a tokenizer of single bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({sign: index for index, sign in enumerate(["<end>", *signs])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(signs) + 1, max_position_embeddings=512, eos_token_id=0, bos_token_id=0, **sizes
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>").save_pretrained(folder)
    return folder
