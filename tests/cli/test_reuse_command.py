"""`cotune reuse` puts an adapter together that peft loads, says what it is worth, and writes it whole or not at all."""

import json
import shutil

import pytest
import yaml
from programs import save_model

SMALL = {
    "budget": {"steps": 4},
    "scoring": {"dev_rows": 16},
    "train": {"batch_examples": 4, "max_length": 128, "lr": 1.0e-2, "threads": 1},
    "lora": {"layers": "top-2", "rank": 4},
}
ASK = ("reuse", "study.yaml", "--dataset", "sounds")


@pytest.fixture(scope="module")
def study(model_place):
    """A study with two adapters that `cotune train` wrote for other datasets, one of noise, and an untrained one."""
    import torch

    from cotune.cli.app import call

    torch.manual_seed(0)
    save_model(model_place / "seeded")

    names = ("animals", "fruits", "sounds")
    datasets = [{"name": name, "path": f"data/{name}"} for name in names]
    made = {"model": "seeded", "targets": ["animals"], "datasets": datasets}
    (model_place / "study.yaml").write_text(yaml.safe_dump(made | SMALL))
    assert call(["train", "study.yaml", "--mix", "animals,fruits", "--single", "--out", "joint", "--json"]) == 0
    animals = model_place / "joint" / "single" / "animals"
    _write_like(animals, model_place / "noise", lambda _, weight: torch.randn_like(weight) * 3)
    _write_like(animals, model_place / "untrained", lambda name, weight: weight * ("lora_A" in name))
    return model_place


def _write_like(adapter, folder, make):
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter, folder)
    state = load_file(folder / "adapter_model.safetensors")
    made = {name: make(name, weight) for name, weight in state.items()}
    save_file(made, folder / "adapter_model.safetensors")


def test_the_pick_is_written_told_and_recorded(study, cotune):
    done = cotune(*ASK, "--adapters", "joint/single", "--adapters", "noise", "--out", "picked", "--rows", 40, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["out"] == "picked"
    assert told["folders"] == ["joint/single/animals", "joint/single/fruits", "noise"]
    assert (told["dataset"], told["rows"]) == ("sounds", {"train": 40, "dev": 16})
    assert told["layers"][0] is None  # the adapters have none there
    assert {"animals", "fruits"} & set(told["layers"])
    losses = {one["of"]: one for one in told["losses"]}
    assert list(losses) == ["no adapter", "animals whole", "fruits whole", "noise whole", "pick"]
    pick = losses["pick"]["chosen_by"]
    assert all(pick <= one["chosen_by"] + 1e-9 for one in losses.values())
    against = losses["noise whole"]["pick_minus_it"]
    assert against["difference"] == pytest.approx(losses["pick"]["dev"] - losses["noise whole"]["dev"], abs=1e-5)
    assert against["interval"][0] < against["difference"] < against["interval"][1] < 0
    record = json.loads((study / "picked" / "reuse.json").read_text())
    assert record == {key: value for key, value in told.items() if key != "out"}
    assert not list(study.glob(".picked*"))
    assert _layers_of(study / "picked") == {at for at, label in enumerate(told["layers"]) if label}


def _layers_of(folder):
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer
    from transformers import AutoModelForCausalLM

    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("seeded"), folder)
    layers = loaded.get_base_model().model.layers
    return {at for at, layer in enumerate(layers) if any(isinstance(part, LoraLayer) for part in layer.modules())}


def test_the_terminal_says_what_it_is_worth(study, cotune):
    done = cotune(*ASK, "--adapters", "joint", "--out", "told", "--rows", 20, "--passes", 1)
    assert done.code == 0, done.err
    assert "joint whole" in done.out
    assert "Layers of the pick: 0 none, " in done.out
    assert "in 1 pass, " in done.out
    assert "no adapter (" in done.out or "no adapter by " in done.out or "is joint whole" in done.out
    assert "Wrote told; reuse.json in it says which layer is from where." in done.out


def test_where_no_adapter_helps_nothing_is_written(study, cotune):
    done = cotune(*ASK, "--adapters", "untrained", "--out", "useless")
    assert done.code == 0, done.err
    assert "The pick is no adapter. No detectable difference on dev from untrained whole (+0.0000" in done.out
    assert "0 changes in 1 pass, " in done.out
    assert "take the model as it is. Nothing was written." in done.out
    assert not (study / "useless").exists()
    again = cotune(*ASK, "--adapters", "untrained", "--out", "useless", "--json")
    assert json.loads(again.out)["out"] is None


def test_a_dry_run_says_how_much_and_chooses_nothing(study, cotune):
    ask = (*ASK, "--adapters", "joint/single", "--out", "dry", "--rows", 30, "--passes", 2, "--dry-run")
    told = cotune(*ask)
    assert told.code == 0, told.err
    # none, two adapters whole, and in each pass what it begins from, and one other adapter and none, or the like, for
    # each of two layers
    assert "Would read 30 train rows of sounds at most 13 times" in told.out
    assert "16 dev rows at most 4 times" in told.out
    facts = json.loads(cotune(*ask, "--json").out)
    assert (facts["most_readings"], facts["adapters"]) == (13, {"animals": [1, 2], "fruits": [1, 2]})
    assert not (study / "dry").exists()


def test_mistakes_are_one_line(study, cotune, refused):
    other = json.loads((study / "noise" / "adapter_config.json").read_text())
    shutil.copytree(study / "noise", study / "foreign")
    changed = {**other, "base_model_name_or_path": "org/other"}
    (study / "foreign" / "adapter_config.json").write_text(json.dumps(changed))
    (study / "taken").mkdir()
    (study / "taken" / "mine").write_text("")
    noise = ("--adapters", "noise", "--out", "bad")
    assert "Did you mean 'sounds'?" in refused("reuse", "study.yaml", "--dataset", "sound", *noise)
    assert "There is no folder 'none'" in refused(*ASK, "--adapters", "none", "--out", "bad")
    assert "'data' holds no adapter" in refused(*ASK, "--adapters", "data", "--out", "bad")
    assert "'taken' is there already" in refused(*ASK, "--adapters", "noise", "--out", "taken")
    assert "given twice" in refused(*ASK, "--adapters", "noise", *noise)
    nowhere = refused(*ASK, "--adapters", "noise", "--out", "study.yaml/bad")
    assert "Cannot write 'study.yaml/bad'" in nowhere
    assert "Missing option '--adapters'" in refused(*ASK, "--out", "bad")
    done = cotune(*ASK, "--adapters", "foreign", "--out", "bad")
    assert (done.code, len(done.errors)) == (2, 1)
    assert "was trained on 'org/other', the study's model is 'seeded'" in done.errors[0]
    assert "Traceback" not in done.err
    assert not (study / "bad").exists()


@pytest.mark.parametrize("asked", [("reuse", "--adapters", "."), ("pseudolabel", "--rows", "a.jsonl"), ("elements",)])
def test_an_evaluation_of_ones_own_has_no_model_to_ask(place, refused, asked):
    assert "has an evaluation of its own" in refused(asked[0], "study.yaml", "--dataset", "a", "--out", "b", *asked[1:])
