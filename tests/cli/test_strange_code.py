"""Code that came with a model or a dataset is never run, and nobody is asked whether it may."""

import io
import json
import os
import pickle
import pty
import shutil
from pathlib import Path

import pytest
from programs import save_model, start, write_pool

from cotune.tasks import dataset_spec, load_task

STUDY = "model: strange\ntargets: [animals]\ndatasets: [{name: animals, path: data/animals}]\n"
CODE = """\
from pathlib import Path

Path({canary!r}).touch()

from transformers import LlamaConfig as StrangeConfig
from transformers import LlamaForCausalLM as StrangeModel
from transformers import PreTrainedTokenizerFast as StrangeTokenizer
"""
CLASSES = {
    "AutoConfig": "strange.StrangeConfig",
    "AutoModelForCausalLM": "strange.StrangeModel",
    "AutoTokenizer": ["strange.StrangeTokenizer", "strange.StrangeTokenizer"],
}


class Touch:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def canary(tmp_path, monkeypatch, plain_model):
    """A file that is created as soon as code of the model `strange`, of its pickles or of a dataset runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    write_pool(tmp_path / "data", ("animals",))
    (tmp_path / "study.yaml").write_text(STUDY)
    shutil.copytree(plain_model, tmp_path / "strange")
    (tmp_path / "strange" / "strange.py").write_text(CODE.format(canary=str(tmp_path / "canary")))
    return tmp_path / "canary"


def edit(name: str, **changes: object) -> None:
    path = Path("strange", name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("answer", ["y\n" * 9, "", None], ids=["yes", "nothing", "closed"])
def test_code_of_a_model_is_refused_in_one_line(canary, refused, monkeypatch, answer):
    edit("config.json", auto_map=CLASSES, model_type="strange")
    stdin = io.StringIO(answer)
    if answer is None:
        stdin.close()
    monkeypatch.setattr("sys.stdin", stdin)
    line = refused("check", "study.yaml", "--no-measure")
    assert "Cannot load the model 'strange' from config.json" in line
    assert not canary.exists()


@pytest.mark.parametrize("place", ["config.json", "tokenizer_config.json"])
def test_a_known_class_is_loaded_by_known_code(canary, cotune, monkeypatch, place):
    edit(place, auto_map=CLASSES)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    assert cotune("check", "study.yaml", "--no-measure").code == 0
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.parametrize("stdin", ["terminal", "closed"])
def test_no_terminal_is_asked(canary, stdin):
    edit("config.json", auto_map=CLASSES, model_type="strange")
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n" * 9)
    more = {"stdin": theirs} if stdin == "terminal" else {"preexec_fn": lambda: os.close(0)}
    out, err = start("check", "study.yaml", "--no-measure", **more).communicate(timeout=300)
    os.close(ours)
    os.close(theirs)
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("Error: Cannot load the model 'strange'")
    assert not canary.exists()


def test_a_pickle_in_place_of_weights_is_never_run(canary, refused):
    Path("strange", "model.safetensors").unlink()
    Path("strange", "pytorch_model.bin").write_bytes(pickle.dumps({"lm_head.weight": Touch(canary)}, 2))
    assert "from pytorch_model.bin" in refused("check", "study.yaml", "--no-measure")
    assert not canary.exists()


def test_a_pickle_in_place_of_an_adapter_is_never_run(canary, refused):
    Path("strange", "adapter_model.bin").write_bytes(pickle.dumps({"lora_A.weight": Touch(canary)}, 2))
    about = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "strange"}
    Path("strange", "adapter_config.json").write_text(json.dumps({**about, "target_modules": ["q_proj"]}))
    assert "'strange'" in refused("check", "study.yaml", "--no-measure")
    assert not canary.exists()


@pytest.mark.parametrize("path", ["a.pkl", "a.pt", "a.jsonl", "a.csv", "a.parquet", "a.arrow", "folder"])
def test_a_pickle_in_place_of_a_dataset_is_never_run(canary, path):
    Path("folder").mkdir()
    code = pickle.dumps({"text": Touch(canary)})
    for place in ("folder/train.pkl", "folder/train.jsonl", path if "." in path else "folder/dev.jsonl"):
        Path(place).write_bytes(code)
    Path("folder", "folder.py").write_text(CODE.format(canary=str(canary)))
    with pytest.raises((ValueError, OSError), match="Dataset 'a'"):
        load_task(dataset_spec({"name": "a", "path": path}), Path())
    assert not canary.exists()
