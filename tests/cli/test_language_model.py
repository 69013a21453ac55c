"""From a folder of datasets to a trained adapter, with a tiny language model."""

import json
import re

import pytest

from cotune.config import load_config
from cotune.journal import read_journal

pytestmark = pytest.mark.slow

LONGEST = 160  # tokens of an example: a budget is kept to within one
SMALL = [
    "budget.tokens=2000",
    "dev_rows=16",
    "train.batch_tokens=512",
    f"train.max_length={LONGEST}",
    "lora.layers=top-1",
    "search.trials=5",
    "search.confirm=1",
]


def test_init_writes_a_study_that_can_be_read(model_place, cotune):
    done = cotune("init", "--pool", "data", "--target", "animals", "--model", "model")
    assert done.code == 0, done.err
    (model_place / "study.yaml").write_text(done.out)
    config = load_config(model_place / "study.yaml")
    assert [entry.path for entry in config.datasets] == ["data/animals", "data/fruits", "data/sounds"]
    assert (config.model, config.targets) == ("model", {"animals": 1.0})
    assert cotune("init", "--pool", "data", "--target", "animal").code == 2


def test_check_shows_what_would_be_trained_and_what_it_costs(model_place, cotune):
    done = cotune("check", "study.yaml", *SMALL, "--no-measure", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["mixtures"] == 4
    tokens = sum(share["tokens"] for share in found["shares"].values())
    assert abs(tokens - 2000) <= LONGEST
    shares = [share["tokens"] / tokens for share in found["shares"].values()]
    assert max(shares) - min(shares) <= LONGEST / tokens
    assert found["cost"]["tokens"] == 5 * tokens
    assert "=> " in cotune("check", "study.yaml", *SMALL, "--no-measure").out
    assert found["batch"] == 1  # on a CPU
    assert (
        "proposes 4 fine-tunings at a time"
        in cotune("check", "study.yaml", *SMALL, "train.width=5", "--no-measure").out
    )


def test_check_shows_the_phases_of_a_curriculum(model_place, cotune):
    done = cotune("check", "study.yaml", *SMALL, "train.curriculum=sequential", "--no-measure", "--json")
    assert done.code == 0, done.err
    sources, target = json.loads(done.out)["phases"]
    assert set(target["tokens"]) == {"animals"}
    assert set(sources["tokens"]) == {"fruits", "sounds"}
    assert (target["phase"]["until"], target["phase"]["shares"]) == (1.0, {"animals": 1.0})
    printed = cotune("check", "study.yaml", *SMALL, "train.curriculum=sequential", "--no-measure").out
    assert re.search(r"  67% to 100%, [\d,]+ tokens: animals 100%", printed)
    assert "phases of the curriculum" not in cotune("check", "study.yaml", *SMALL, "--no-measure").out


def test_check_counts_reference_trainings_and_their_time(model_place, cotune):
    own = [*SMALL, "train.mixing={name: ama_s, reference: specialists}"]
    found = json.loads(cotune("check", "study.yaml", *own, "--no-measure", "--json").out)
    assert (found["cost"]["fine_tunings"], found["cost"]["references"]) == (5, 3)
    assert "Beside them: 3 reference trainings" in cotune("check", "study.yaml", *own, "--no-measure").out
    assert "Beside them" not in cotune("check", "study.yaml", *SMALL, "--no-measure").out
    proxy = [*SMALL, "train.mixing={name: doremi, reference: proxy}"]
    assert json.loads(cotune("check", "study.yaml", *proxy, "--no-measure", "--json").out)["cost"]["references"] == 5


def test_a_run_keeps_its_promises_and_the_second_trains_nothing(model_place, cotune):
    done = cotune("run", "study.yaml", *SMALL)
    assert done.code == 0, done.err
    records = read_journal(model_place / "runs" / "study").records
    assert sum(len(record.request.mixture) > 0 for record in records) == 4  # every mixture; one more confirms nothing
    assert all(record.trial.is_finished for record in records)
    assert all(abs(record.trial.tokens - 2000) <= LONGEST for record in records if len(record.request.mixture))
    again = cotune("run", "study.yaml", *SMALL)
    assert "Nothing was left to train." in again.out
    assert read_journal(model_place / "runs" / "study").records == records


@pytest.mark.parametrize("change", ["budget.tokens=2500", "train.lr=0.5", "dev_rows=12", "model=./nowhere"])
def test_changed_conditions_are_refused(model_place, refused, change):
    assert change.split("=")[0].split(".")[-1].replace("tokens", "budget") in refused(
        "run", "study.yaml", *SMALL, change
    )


def test_a_changed_dataset_is_named(model_place, refused, cotune):
    rows = model_place / "data" / "fruits" / "train.jsonl"
    before = rows.read_text()
    rows.write_text(before.replace("yes", "no", 1))
    assert "dataset 'fruits' has other content" in refused("run", "study.yaml", *SMALL)
    assert "'fruits'" in refused("train", "study.yaml", *SMALL, "--out", "never", "--winner")
    rows.write_text(before)
    assert cotune("run", "study.yaml", *SMALL).code == 0


def test_train_writes_an_adapter_with_a_card_and_reads_test_once(model_place, cotune, refused):
    import peft
    from transformers import AutoModelForCausalLM

    done = cotune("train", "study.yaml", *SMALL, "--out", "best", "--winner", "--json")
    assert done.code == 0, done.err
    assert set(next(iter(json.loads(done.out)["results"].values()))) == {"animals"}
    model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("model"), "best")
    assert any("lora" in name for name, _ in model.named_parameters())
    card = (model_place / "best" / "README.md").read_text()
    for words in ("base_model: model", "animals", "CC0 1.0", "On test", "seed"):
        assert words in card
    assert "--reread-test" in refused("train", "study.yaml", *SMALL, "--out", "best2", "--winner")
    report = json.loads(cotune("report", "study.yaml", "--json").out)
    assert {line["dataset"] for line in report["test"]} == {"animals"}


def test_a_mixture_of_one_s_own_is_compared_with_single_trainings(model_place, cotune):
    done = cotune("train", "study.yaml", *SMALL, "--out", "joint", "--mix", "animals,fruits=2", "--single")
    assert done.code == 0, done.err
    assert len(re.findall(r"^(?:animals|fruits) ", done.out, re.M)) == 6
    assert (model_place / "joint" / "adapter_model.safetensors").is_file()
    assert (model_place / "joint" / "single" / "fruits" / "adapter_model.safetensors").is_file()
    assert len(read_journal(model_place / "runs" / "study").logged("test")) == 1
