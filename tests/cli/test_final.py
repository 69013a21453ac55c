"""Final trainings of a tiny language model: nothing that was trained or read is lost, and what is written is true."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cotune.cli.app import call
from cotune.journal import read_journal
from cotune.journal.log import read_log

pytestmark = pytest.mark.slow

STUDY = """\
model: model
targets: [animals]
budget: {tokens: 1500}
dev_rows: 12
lora: {rank: 2, layers: top-1}
train: {lr: 1.0e-3, batch_tokens: 512, max_length: 160}
search: {trials: 4, confirm: 1}
datasets: [{name: animals, path: data/animals}, {name: fruits, path: data/fruits}, {name: sounds, path: data/sounds}]
"""


@pytest.fixture(scope="module")
def searched(model_place):
    """A folder whose study was run."""
    (model_place / "study.yaml").write_text(STUDY)
    assert call(["run", "study.yaml", "--in-process", "--json"]) == 0
    return model_place


@pytest.fixture
def study(searched, tmp_path, monkeypatch):
    """A working copy of it, where test is unread."""
    place = tmp_path / "study"
    shutil.copytree(searched, place, symlinks=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("COTUNE_CACHE", str(place / "cache"))
    return place


def readings(study: Path) -> int:
    return len(read_journal(study / "runs" / "study").logged("test"))


@pytest.mark.parametrize("more", [["--winner"], ["--mix", "animals"]])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_trained(study, refused, more):
    line = refused("train", "study.yaml", "--out", "study.yaml/best", "--json", *more)
    assert "Choose another --out" in line
    assert readings(study) == 0


def test_a_refused_training_leaves_nothing_behind(study, refused):
    refused("train", "study.yaml", "--out", "best", "--mix", "animal")
    assert not [path for path in study.iterdir() if "best" in path.name]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few kilobytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12k", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk to fill")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_full_disk_costs_no_reading_of_test(study, cotune, small_disk, method):
    done = cotune("train", "study.yaml", f"lora.method={method}", "--winner", "--out", small_disk / "best")
    assert done.code == 2, done.err
    assert "No space left" in done.errors[0]
    assert list(small_disk.iterdir()) == []
    assert readings(study) == 0
    assert cotune("train", "study.yaml", "--winner", "--out", "best").code == 0


def test_what_was_trained_is_kept_where_the_end_fails(study, cotune, refused, monkeypatch):
    import peft
    from transformers import AutoModelForCausalLM

    rename = Path.rename

    def fail(self, target):
        if Path(target).name == "best":
            raise OSError(5, "Input/output error", str(target))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        done = cotune("train", "study.yaml", "--winner", "--out", "best")
    assert done.code == 2
    assert "Input/output error" in done.errors[0]
    assert ".best.unfinished" in done.err
    assert not (study / "best").exists()
    assert readings(study) == 1
    for _ in range(2):
        refused("train", "study.yaml", "--winner", "--out", "best")
        peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("model"), study / ".best.unfinished")
    assert ".best.unfinished" in refused("train", "study.yaml", "--mix", "animals", "--out", "best")


def check_record(entries, printed):
    (entry,) = entries
    kept = entry.payload
    assert kept["results"] == printed["results"]
    assert [training["mixture"] for training in kept["trainings"]] == [
        {"animals": 1, "fruits": 1},
        {"animals": 1},
        {"fruits": 1},
    ]
    assert all(training["tokens"] > 1000 and training["seconds"] > 0 for training in kept["trainings"])
    assert (kept["training_seed"], kept["model"], kept["out"]) == (5, "model", "joint")
    assert kept["metrics"] == {"animals": "accuracy", "fruits": "accuracy"}
    assert kept["settings"]["lora"]["method"] == "full"
    assert {name: len(digest) for name, digest in kept["datasets"].items()} == {"animals": 64, "fruits": 64}


def test_the_card_of_a_mixture_of_one_s_own_and_its_record_tell_of_no_other(study, cotune):
    given = ["--mix", "animals,fruits", "--single", "--seed", 5, "lora.method=full", "--out"]
    done = cotune("train", "study.yaml", *given, "joint", "--json")
    assert done.code == 0, done.err
    check_record(read_journal(study / "runs" / "study").logged("training"), json.loads(done.out))
    assert cotune("train", "study.yaml", "name=fresh", *given, "again").code == 0
    (entry,) = read_log(study / "runs" / "fresh" / "log.jsonl", 0)
    assert entry.payload["results"] == json.loads(done.out)["results"]
    assert cotune("run", "study.yaml", "name=fresh", "--trials", 1, "--reuse", "runs/study", "--in-process").code == 0
    assert read_journal(study / "runs" / "fresh").logged("training") == [entry]
    for folder in ("joint", "joint/single/fruits"):
        card = (study / folder / "README.md").read_text()
        assert "that its user chose" in card
        assert re.findall(r"^\| (\w+) \| [\d.]+ \| \\\[", card, re.M) == ["animals", "fruits"]
        assert "base_model_relation: finetune" in card
        assert "| lora.method | full |" in card
        for untrue in ("cotune chose", "all datasets", "target only", "detectable", "adapter"):
            assert untrue not in card


def test_a_dry_run_tells_what_would_be_trained_and_writes_nothing(study, cotune, refused):
    given = ["train", "study.yaml", "--winner", "--out", "best"]
    told = cotune(*given, "--dry-run")
    assert told.code == 0, told.err
    assert "Test was not read before." in told.out
    assert "The first would be written to best. Nothing was trained." in told.out
    facts = json.loads(cotune(*given, "--dry-run", "--json").out)
    assert (facts["scored"], facts["split"], facts["test_read"], facts["refused"]) == (["animals"], "test", None, False)
    own = json.loads(cotune("train", "study.yaml", "--mix", "fruits=2", "--out", "own", "--dry-run", "--json").out)
    assert [(one["mixture"], own["scored"], own["split"]) for one in own["trainings"]] == [
        ({"fruits": 1}, ["fruits"], "dev")
    ]
    alone = cotune("train", "study.yaml", "--mix", "animals,fruits", "--single", "--out", "own", "--dry-run").out
    assert "The first would be written to own, the others below own/single. Nothing was trained." in alone
    assert readings(study) == 0
    assert not [path for path in study.iterdir() if path.name in ("best", "own") or "unfinished" in path.name]
    assert cotune(*given).code == 0
    entry = read_journal(study / "runs" / "study").logged("test")[0].payload
    for one, done in zip(facts["trainings"], entry["trainings"], strict=True):
        assert (one["mixture"], one["tokens"]) == (done["mixture"], done["tokens"])
    assert "--reread-test" in cotune("train", "study.yaml", "--winner", "--out", "more", "--dry-run").out
