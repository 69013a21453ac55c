"""`cotune monitor`: planted drift alarms, rows like those of the training do not, and what is wrong is one line."""

import json
import random
import shutil

import numpy as np
import pytest

from cotune.cli.app import call
from cotune.training.baseline import load_baselines

pytestmark = pytest.mark.slow

STUDY = """\
model: model
targets: [animals]
budget: {examples: 1200}
lora: {method: full, layers: all}
train: {lr: 5.0e-3, batch_examples: 16, max_length: 160}
datasets: [{name: animals, path: pool/animals, columns: {text: said}}, {name: fruits, path: pool/fruits}]
"""


def rows(name, split, count):
    """Rows whose words tell the label by their last letter."""
    rng, made = random.Random(f"{name}{split}"), []
    for _ in range(count):
        label = rng.choice(["no", "yes"])
        words = [f"{name}{rng.randrange(1000)}{'x' if label == 'yes' else 'o'}" for _ in range(3)]
        made.append({"said" if name == "animals" else "text": " ".join(words), "label": label})
    return made


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def without_answers(rows):
    return [{key: value for key, value in row.items() if key != "label"} for row in rows]


@pytest.fixture(scope="module")
def trained(model_place):
    """A folder with an adapter that has learned its dataset, `full`, and one that has not, `lora`."""
    for name in ("animals", "fruits"):
        for split, count in (("train", 250), ("dev", 60), ("test", 40)):
            write(model_place / "pool" / name / f"{split}.jsonl", rows(name, split, count))
    (model_place / "study.yaml").write_text(STUDY)
    train = ["train", "study.yaml", "--mix", "animals", "--json", "--out"]
    assert call([*train, "full"]) == 0
    few = ["budget.examples=64", "lora.method=lora", "lora.rank=2", "lora.layers=top-1", "train.batch_examples=32"]
    assert call([*train, "lora", *few]) == 0
    assert call(["train", "study.yaml", "--mix", "animals,fruits", "--json", "--out", "both", *few]) == 0
    return model_place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A working folder with them, the model and files of new rows."""
    shutil.copy(trained / "study.yaml", tmp_path)
    for name in ("full", "lora", "both", "pool"):
        shutil.copytree(trained / name, tmp_path / name)
    (tmp_path / "model").symlink_to(trained / "model")
    monkeypatch.chdir(tmp_path)
    new = rows("animals", "new", 70)
    write(tmp_path / "new.jsonl", new)
    write(tmp_path / "texts.jsonl", without_answers(new))
    flipped = [{**row, "label": "no" if row["label"] == "yes" else "yes"} for row in new[:30]]
    write(tmp_path / "flipped.jsonl", [*flipped, *new[30:]])
    write(tmp_path / "fruits.jsonl", [{"said": row["text"]} for row in rows("fruits", "new", 40)])
    write(
        tmp_path / "yes.jsonl", without_answers([row for row in rows("animals", "yes", 120) if row["label"] == "yes"])
    )
    return tmp_path


def looked(done, code):
    assert done.code == code, done
    return json.loads(done.out)


def checks(found):
    return {check["name"]: check for check in found["checks"]}


def test_rows_of_the_same_source_do_not_alarm(place, cotune):
    done = cotune("monitor", "full", "new.jsonl")
    assert done.code == 0, done
    assert "No alarm (4 checks, false alarms held to 0.05 in all)." in done.out
    assert "animals: 70 new rows beside 60 dev rows of the training" in done.out


@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_the_rows_of_the_baseline_score_as_they_did(place, cotune, adapter):
    """Loaded again, model and adapter give each row the label and tally that they gave in training."""
    found = looked(cotune("monitor", adapter, "pool/animals/dev.jsonl", "--json"), 0)
    (kept,) = load_baselines(place / adapter).values()
    score = checks(found)["score"]
    assert score["baseline"] == score["new"] == kept.sample.score
    assert checks(found)["labels"]["statistic"] == checks(found)["lengths"]["statistic"] == 0
    assert checks(found)["texts"]["statistic"] < 0
    assert kept.sample.score == 1.0 or adapter == "lora"
    assert len(kept.sample.labels) == len(kept.sample.tallies) == len(kept.sample.states) == 60


def test_wrong_answers_alarm(place, cotune):
    found = looked(cotune("monitor", "full", "flipped.jsonl", "--json"), 3)
    assert found["alarms"] == ["score"]
    score = checks(found)["score"]
    assert score["new"] == pytest.approx(40 / 70)
    assert score["high"] < 0
    assert score["p"] <= score["level"] == 0.0125
    assert looked(cotune("monitor", "full", "flipped.jsonl", "--json", "--margin", "0.6"), 0)["margin"] == 0.6


def test_texts_of_another_dataset_alarm_without_answers(place, cotune):
    done = cotune("monitor", "full", "fruits.jsonl")
    assert done.code == 3, done
    assert "! Drift: " in done.out
    assert "texts" in done.out.split("! Drift: ")[1]
    assert "not checked: score: 60 rows of the baseline and 0 new rows have answers; it needs 10 of both" in done.out


def test_labels_that_come_more_often_alarm_without_answers(place, cotune):
    found = looked(cotune("monitor", "full", "yes.jsonl", "--json"), 3)
    assert "labels" in found["alarms"]
    labels = checks(found)["labels"]
    assert labels["new"] in (0.0, 1.0)
    assert labels["moved"] in ("no", "yes")
    assert "score" not in checks(found)


def test_rows_to_compare_with_may_be_named(place, cotune):
    found = looked(cotune("monitor", "full", "yes.jsonl", "--baseline", "yes.jsonl", "--json"), 0)
    assert found["baseline"] == {"split": None, "rows": found["new"]["rows"], "answered": 0}
    against = looked(cotune("monitor", "full", "new.jsonl", "--baseline", "flipped.jsonl", "--json"), 0)
    assert checks(against)["score"]["baseline"] == pytest.approx(40 / 70)
    assert checks(against)["score"]["new"] == 1.0


def test_the_model_is_loaded_once_whatever_is_compared(place, cotune, monkeypatch):
    from cotune.training import loaded

    loads, real = [], loaded.load_model
    monkeypatch.setattr(loaded, "load_model", lambda *given, **more: loads.append(given) or real(*given, **more))
    looked(cotune("monitor", "full", "new.jsonl", "--baseline", "texts.jsonl", "--json"), 0)
    assert len(loads) == 1


def test_an_answer_that_is_missing_changes_nothing_of_the_texts_though_prompts_are_cut(place, cotune):
    """Prompts of more than the study's 160 tokens: what is kept of one must not hang on its answer's length."""
    long = [{**row, "said": " ".join([row["said"]] * 9)} for row in rows("animals", "long", 30)]
    write(place / "long.jsonl", long)
    write(place / "bare.jsonl", without_answers(long))
    found = looked(cotune("monitor", "full", "long.jsonl", "--baseline", "bare.jsonl", "--json"), 0)
    alike = looked(cotune("monitor", "full", "bare.jsonl", "--baseline", "bare.jsonl", "--json"), 0)
    assert checks(found)["texts"]["statistic"] == checks(alike)["texts"]["statistic"]
    assert checks(found)["texts"]["p"] == checks(alike)["texts"]["p"]


def test_rows_as_long_as_the_model_reads_are_monitored(place, cotune):
    few = ("budget.examples=32", "lora.rank=2", "lora.layers=top-1", "lora.method=lora", "scoring.max_new_tokens=16")
    long = cotune("train", "study.yaml", "--mix", "animals", "--out", "wide", "train.max_length=492", *few)
    assert long.code == 0, long
    assert cotune("monitor", "wide", "new.jsonl", "--json").code in (0, 3)


def test_an_answered_part_is_scored_and_all_texts_are_compared(place, cotune):
    new = rows("animals", "new", 70)
    write(place / "part.jsonl", [*new[:30], *without_answers(new[30:])])
    found = looked(cotune("monitor", "full", "part.jsonl", "--json"), 0)
    assert found["new"] == {"rows": 70, "answered": 30}
    whole = looked(cotune("monitor", "full", "new.jsonl", "--json"), 0)
    assert checks(found)["texts"]["p"] == checks(whole)["texts"]["p"]
    assert checks(found)["labels"] == checks(whole)["labels"]


def test_looks_are_kept(place, cotune):
    for file, code in (("new.jsonl", 0), ("fruits.jsonl", 3), ("texts.jsonl", 0)):
        done = cotune("monitor", "full", file, "--log", "drift.jsonl")
        assert done.code == code, done
    assert "Look 3 in drift.jsonl; of those before, 1 alarmed." in done.out
    kept = [json.loads(line) for line in (place / "drift.jsonl").read_text().splitlines()]
    assert [line["payload"]["files"] for line in kept] == [["new.jsonl"], ["fruits.jsonl"], ["texts.jsonl"]]
    assert [bool(line["payload"]["alarms"]) for line in kept] == [False, True, False]
    assert kept[1]["payload"] == looked(cotune("monitor", "full", "fruits.jsonl", "--json"), 3)


def test_a_dataset_of_several_is_named(place, cotune, refused):
    assert "['animals', 'fruits']; say which one with --dataset" in refused("monitor", "both", "new.jsonl")
    assert "no baseline of 'animal'" in refused("monitor", "both", "new.jsonl", "--dataset", "animal")
    assert looked(cotune("monitor", "both", "new.jsonl", "--dataset", "animals", "--json"), 0)["dataset"] == "animals"


def test_what_is_wrong_is_one_line_and_costs_no_file(place, refused):
    (place / "notes.txt").write_text("mine, without a line end")
    assert "holds no look" in refused("monitor", "full", "new.jsonl", "--log", "notes.txt")
    assert (place / "notes.txt").read_text() == "mine, without a line end"
    assert "make it first" in refused("monitor", "full", "new.jsonl", "--log", "no/drift.jsonl")
    (place / "link.jsonl").symlink_to("elsewhere.jsonl")
    for log in ("link.jsonl", "full", "/dev/null"):
        assert "is a folder, a link or a device" in refused("monitor", "full", "new.jsonl", "--log", log)
    assert "no such file" in refused("monitor", "full", "newer.jsonl")
    assert "is not a folder" in refused("monitor", "fuller", "new.jsonl")
    assert "has no baseline.json" in refused("monitor", "pool", "new.jsonl")
    assert "--alpha is a probability" in refused("monitor", "full", "new.jsonl", "--alpha", "2")
    write(place / "few.jsonl", rows("animals", "few", 9))
    assert "needs at least 10 rows; found 9" in refused("monitor", "full", "few.jsonl", "--log", "drift.jsonl")
    assert not (place / "drift.jsonl").exists()
    write(place / "third.jsonl", [{"said": "a", "label": "maybe"}])
    assert "third.jsonl:1: label 'maybe' is not listed" in refused("monitor", "full", "third.jsonl")


def test_another_model_and_damage_are_refused(place, refused):
    from transformers import AutoModelForCausalLM

    other = AutoModelForCausalLM.from_pretrained("model")
    other.lm_head.weight.data += 1
    shutil.copytree(place / "model", place / "other")
    other.save_pretrained(place / "other")
    assert "not the one that the adapter was trained on" in refused("monitor", "lora", "new.jsonl", "--model", "other")
    (place / "model").rename(place / "moved")
    assert "say so with --model" in refused("monitor", "lora", "new.jsonl")
    (place / "moved").rename(place / "model")
    (place / "lora" / "adapter_model.safetensors").unlink()
    assert "is not there" in refused("monitor", "lora", "new.jsonl")
    states = place / "lora" / "baseline.npz"
    states.write_bytes(states.read_bytes()[:50])
    assert "is damaged" in refused("monitor", "lora", "new.jsonl")
    facts = json.loads((place / "full" / "baseline.json").read_text())
    (place / "full" / "baseline.json").write_text(json.dumps({**facts, "format": 9}))
    assert "has format 9" in refused("monitor", "full", "new.jsonl")


def test_no_flipped_byte_of_the_states_is_an_internal_error(place):
    states = place / "lora" / "baseline.npz"
    whole, refusals = states.read_bytes(), 0
    for at in range(0, len(whole), 7):
        states.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        try:
            load_baselines(place / "lora")
        except ValueError as error:
            refusals += "is damaged" in str(error)
    assert refusals > len(whole) / 14


def test_no_text_is_written_beside_an_adapter(place):
    kept = (place / "full" / "baseline.json").read_text()
    with np.load(place / "full" / "baseline.npz") as states:
        assert states["states_0"].shape == (60, 32)
    assert not [row for row in rows("animals", "dev", 60) if any(word in kept for word in row["said"].split())]
