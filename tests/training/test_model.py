"""A model is known by its stored content, and one that is not there is told of at once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from cotune.training import Lora, Train
from cotune.training.model import load_model

REPORT = """
import time
from cotune.training import Lora, Train
from cotune.training.model import load_model
for name in ("some-org/cached", "some-org/none", "none"):
    start = time.monotonic()
    try:
        said = load_model(name, train=Train(), lora=Lora()).fingerprint
    except ValueError as error:
        said = error
    print(time.monotonic() - start, said)
"""


def fingerprint(folder, dtype="float32"):
    return load_model(str(folder), train=Train(dtype=dtype), lora=Lora()).fingerprint


@pytest.fixture
def copy(random_base, tmp_path):
    return shutil.copytree(random_base, tmp_path / "copy")


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_neither_folder_nor_dtype_nor_library_changes_the_fingerprint(random_base, copy):
    edit(
        copy / "config.json", transformers_version="4.0.0", dtype="float16", _name_or_path="/elsewhere", use_cache=False
    )
    assert len({fingerprint(random_base), fingerprint(random_base, "bfloat16"), fingerprint(copy)}) == 1


def test_weights_and_what_is_computed_with_them_change_the_fingerprint(random_base, copy):
    found = {fingerprint(random_base)}
    edit(copy / "config.json", rms_norm_eps=1e-3)
    found.add(fingerprint(copy))
    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"][0] += 1e-6
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    found.add(fingerprint(copy))
    tiny.make_tokenizer(chat=True).save_pretrained(copy)
    found.add(fingerprint(copy))
    assert len(found) == 4


def test_shards_and_pickled_weights_count_too(tmp_path):
    model = tiny.make_model("llama")
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    model.save_pretrained(tmp_path / "pickled")
    weights = load_file(tmp_path / "pickled" / "model.safetensors")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    for kind in ("shards", "pickled"):
        tiny.make_tokenizer().save_pretrained(tmp_path / kind)
    torch.save(weights, tmp_path / "pickled" / "pytorch_model.bin")
    before = {kind: fingerprint(tmp_path / kind) for kind in ("shards", "pickled")}
    weights["model.norm.weight"][0] += 1
    torch.save(weights, tmp_path / "pickled" / "pytorch_model.bin")
    last = sorted((tmp_path / "shards").glob("*.safetensors"))[-1]
    save_file({name: tensor + 1 for name, tensor in load_file(last).items()}, last, metadata={"format": "pt"})
    assert all(fingerprint(tmp_path / kind) != before[kind] for kind in before)


def test_without_the_hub_the_cache_serves_and_what_is_missing_is_told_at_once(random_base, tmp_path, without_hub):
    stored = tmp_path / "hub" / "models--some-org--cached"
    shutil.copytree(random_base, stored / "snapshots" / "abc")
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text("abc")
    seconds, said = zip(*(line.split(" ", 1) for line in without_hub(REPORT).splitlines()), strict=True)
    assert max(map(float, seconds)) < 5
    assert said[0] == fingerprint(random_base)
    assert said[1].startswith(
        "Cannot load the model 'some-org/none': there is no such folder, nor is it in the cache; the hub"
    )
    assert said[2].startswith("Cannot load the model 'none': there is no such folder, nor is it in the cache; a hub")
    assert all("Give a local folder, 'embedded', or a hub id" in line for line in said[1:])


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def pickled(folder, content):
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")


def unpickled(folder, content):
    pickled(folder, None)
    (folder / "pytorch_model.bin").write_bytes(content)


DAMAGE = {
    "weights cut": (lambda folder: cut(folder / "model.safetensors"), "from model.safetensors: SafetensorError"),
    "weights empty": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "from model.safetensors: "),
    "pickle of a path": (lambda folder: pickled(folder, {"a": folder}), "from pytorch_model.bin: it is a pickle"),
    "pickle of a list": (lambda folder: pickled(folder, [1]), "from pytorch_model.bin: "),
    "pickle empty": (lambda folder: unpickled(folder, b""), "from pytorch_model.bin: EOFError. "),
    "pickle of text": (lambda folder: unpickled(folder, b"hello"), "from pytorch_model.bin: "),
    "configuration cut": (lambda folder: cut(folder / "config.json"), "from config.json: "),
    "configuration empty": (lambda folder: (folder / "config.json").write_text("{}"), "from config.json: "),
    "configuration wrong": (lambda folder: edit(folder / "config.json", hidden_size="x"), "'hidden_size'"),
    "tokenizer cut": (lambda folder: cut(folder / "tokenizer.json"), "from tokenizer.json: "),
    "tokenizer empty": (lambda folder: (folder / "tokenizer.json").write_text("{}"), "from tokenizer.json, "),
    "tokenizer missing": (lambda folder: (folder / "tokenizer.json").unlink(), "from tokenizer_config.json: "),
    "tokenizer a list": (lambda folder: (folder / "tokenizer_config.json").write_text("[]"), "tokenizer_config.json: "),
}
DAMAGE |= {
    "a layer missing": (lambda folder: edit(folder / "config.json", num_hidden_layers=5), "model.layers.4."),
    "another width": (lambda folder: edit(folder / "config.json", intermediate_size=72), "model.layers.0.mlp"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_named_in_one_line(copy, kind):
    damage, words = DAMAGE[kind]
    damage(copy)
    with pytest.raises(ValueError, match="Cannot load the model ") as raised:
        load_model(str(copy), train=Train(), lora=Lora())
    assert words in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


NO_DAMAGE = {
    "a package missing": (
        lambda folder: edit(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4}),
        "copy': ImportError: .* Install what it asks for",
    ),
    "no decoder": (
        lambda folder: edit(folder / "config.json", model_type="t5"),
        "T5Config.* Fetch or save it again, or give another model",
    ),
}


@pytest.mark.parametrize("kind", NO_DAMAGE)
def test_a_model_that_cannot_be_used_is_not_called_damaged(copy, kind):
    change, words = NO_DAMAGE[kind]
    change(copy)
    with pytest.raises(ValueError, match=words):
        load_model(str(copy), train=Train(), lora=Lora())


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from cotune.training import Lora, Train
from cotune.training.model import load_model
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000, resource.RLIM_INFINITY))
try:
    load_model(sys.argv[1], train=Train(), lora=Lora())
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="looks into /proc")
def test_a_model_that_memory_does_not_hold_is_told_so(random_base):
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(random_base)], capture_output=True, text=True, check=True
    )
    assert "Free memory, raise limits.memory_gib" in done.stdout


def test_of_several_shards_the_damaged_one_is_named(tmp_path):
    tiny.make_model("llama").save_pretrained(tmp_path, max_shard_size="20KB")
    tiny.make_tokenizer().save_pretrained(tmp_path)
    last = sorted(tmp_path.glob("*.safetensors"))[-1]
    cut(last)
    with pytest.raises(ValueError, match=f" from {last.name}: SafetensorError"):
        fingerprint(tmp_path)
