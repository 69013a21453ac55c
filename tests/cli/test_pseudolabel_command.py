"""`cotune pseudolabel` writes a dataset that a study can name, whole or not at all."""

import json
import random

import pytest
import yaml
from programs import stop_in

SMALL = {
    "budget": {"steps": 4},
    "dev_rows": 8,
    "train": {"batch_tokens": 256, "max_length": 256},
    "lora": {"layers": "top-1"},
}
LABEL = ("pseudolabel", "study.yaml", "--dataset", "animals", "--rows", "new.jsonl")


def texts_of(file):
    return [json.loads(line)["text"] for line in file.read_text().splitlines()]


@pytest.fixture
def study(model_place):
    """A study with a tiny model, an adapter of it, and 32 rows without answers of which 5 are known or repeated."""
    datasets = [{"name": name, "path": f"data/{name}"} for name in ("animals", "fruits")]
    (model_place / "study.yaml").write_text(
        yaml.safe_dump({"model": "model", "targets": ["animals"], "datasets": datasets} | SMALL)
    )
    rng = random.Random(1)
    rows = [{"text": " ".join(f"new{rng.randrange(1000)}{rng.choice('ox')}" for _ in range(6))} for _ in range(27)]
    known = [texts_of(model_place / "data" / place)[0] for place in ("animals/dev.jsonl", "fruits/test.jsonl")]
    known += [texts_of(model_place / "data" / "animals/train.jsonl")[3]]
    rows += [{"text": text, "label": "yes"} for text in known] + [dict(row) for row in rows[:2]]
    (model_place / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return model_place


@pytest.fixture
def adapter(study, cotune):
    if not (study / "best").exists():
        assert cotune("train", "study.yaml", "--mix", "animals", "--out", "best", "--json").code == 0
    return "best"


@pytest.mark.slow
def test_what_is_printed_can_be_added_and_trained(study, adapter, cotune):
    done = cotune(*LABEL, "--adapter", adapter, "--threshold", "0.5", "--out", "out/animals-new", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["read"], told["rows"], told["answered"]) == (32, 27, 3)
    assert told["left_out"] == {"leaked": 2, "labelled": 1, "repeated": 2}
    assert told["kept"] == sum(line["kept"] for line in told["lines"]) == 27  # one of two labels has a half or more
    assert sum(line["labelled"] for line in told["lines"]) == 60
    assert told["dev"]["rows"] == 24
    assert told["dev"]["low"] < told["dev"]["share"] < told["dev"]["high"]
    counts = {line["label"]: line["labelled"] + line["kept"] for line in told["lines"]}
    assert {line["label"]: line["weight"] for line in told["lines"]} == pytest.approx(
        {label: 1 + min(counts.values()) / count for label, count in counts.items()}
    )
    held = {split: texts_of(study / "out/animals-new" / f"{split}.jsonl") for split in ("train", "dev", "test")}
    assert len(held["train"]) == 27
    assert {*held["dev"], *held["test"]} <= set(texts_of(study / "data/animals/dev.jsonl"))
    config = yaml.safe_load((study / "study.yaml").read_text())
    config["datasets"] += told["datasets"]
    (study / "more.yaml").write_text(yaml.safe_dump(config))
    trained = cotune("train", "more.yaml", "--mix", "animals,animals-new", "--out", "both", "--json")
    assert trained.code == 0, trained.err
    line = cotune("pseudolabel", "more.yaml", *LABEL[2:], "--out", "again/Animals-new")
    assert (line.code, "has datasets ['Animals-new'] already" in line.errors[0]) == (2, True)

    text = cotune(*LABEL, "--adapter", adapter, "--stage", "9", "--stages", "9", "--threshold", "0.5", "--out", "x")
    assert (text.code, "leave out --threshold" in text.errors[0]) == (2, True)
    text = cotune(*LABEL, "--threshold", "0", "--out", "out/bare")
    assert text.code == 0, text.err
    assert "Left out of 32 rows: 2 in dev or test rows, 1 in train rows of animals, 2 repeated." in text.out
    assert "Rows with an answer, which was not read: 3." in text.out
    assert "Of 24 dev rows 24 are as sure" in text.out
    kept = {
        line["label"]: line["kept"] for line in json.loads((study / "out/bare/dataset.json").read_text())["classes"]
    }
    unkept = [label for label, count in kept.items() if not count]
    assert (f"Kept with none of the labels {unkept}" in text.out) == bool(unkept)
    (listed,) = yaml.safe_load(text.out[text.out.index("datasets:\n") :])["datasets"]
    assert listed == {
        "name": "bare",
        "path": "out/bare",
        "kind": "classification",
        "columns": {"confidence": "confidence"},
    }


@pytest.mark.slow
def test_an_adapter_from_elsewhere_is_told_and_too_high_a_bar_leaves_nothing(study, adapter, cotune):
    far = cotune(*LABEL, "--adapter", adapter, "--threshold", "1", "--out", "refused")
    assert (far.code, len(far.errors)) == (2, 1), far.err
    assert "No row has a label at least 1 likely; the most is 0." in far.errors[0]
    assert not any("refused" in path.name for path in study.iterdir())
    (study / "moved").symlink_to("model")
    told = cotune(*LABEL, "model=moved", "--adapter", adapter, "--threshold", "0", "--out", "out/moved", "--json")
    assert told.code == 0, told.err
    assert "The adapter says that it was trained on 'model'; the study's model is 'moved'." in told.err


def test_a_dry_run_says_what_would_be_read_and_labels_nothing(study, cotune):
    told = cotune(*LABEL, "--out", "dry", "--stage", "2", "--stages", "3", "--dry-run", "model=none")
    assert told.code == 0, told.err
    assert "2 labels for each of 27 rows and 24 dev rows of animals" in told.out
    assert "at least 0.8388 (TACLE, stage 2 of 3) likely" in told.out
    assert "Thresholds by stage: 0.9, 0.8388, 0.7845." in told.out
    facts = json.loads(cotune(*LABEL, "--out", "dry", "--dry-run", "--json").out)
    assert (facts["rows"], facts["dev_rows"], facts["labels"], facts["threshold"]) == (27, 24, 2, 0.9)
    assert not (study / "dry").exists()


@pytest.mark.slow
def test_what_is_stopped_leaves_no_folder(study):
    (study / "many.jsonl").write_text(
        "".join(json.dumps({"text": f"row {n} " + "x " * 60}) + "\n" for n in range(3000))
    )
    code, said = stop_in("labelling ", *LABEL[:-1], "many.jsonl", "--out", "stopped")
    assert (code, said[-1]) == (130, "Stopped.")
    assert [path.name for path in study.iterdir() if "stopped" in path.name] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dataset", "animal"), "Unknown datasets ['animal'] in --dataset; the pool has"),
        (("--rows", "none.jsonl"), "none.jsonl: there is no such file"),
        (("--rows", "bad.jsonl"), "bad.jsonl:2: "),
        (("--rows", "data/animals/dev.jsonl"), "None of the 24 unlabelled rows is left: 24 stand in dev or test rows"),
        (("leaks=refuse",), "2 unlabelled rows stand in dev or test rows, as 'train-28' in dev of 'animals'"),
        (("--adapter", "none"), "There is no adapter folder 'none'"),
        (("--adapter", "data"), "'data' holds no adapter (adapter_config.json) and no model"),
        (("--threshold", "1.5"), "--threshold"),
        (("--stage", "2"), "--stage T and --stages N go together, with T of 1 to N; got 2 and None"),
        (("--stage", "3", "--stages", "2"), "with T of 1 to N; got 3 and 2"),
        (("--stage", "1", "--stages", "2", "--threshold", "0.8"), "--stage 1 sets the threshold, 0.9"),
        (("--out", "data"), "'data' is there already"),
        (("--out", "elsewhere/animals"), "has datasets ['animals'] already"),
        (("model=none",), "'none'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_leaves_nothing(study, cotune, words, said):
    (study / "bad.jsonl").write_text('{"text": "one"}\n{"text": ["two"]}\n')
    done = cotune(*LABEL, "--out", "refused", *words)
    assert (done.code, len(done.errors)) == (2, 1), done.err
    assert said in done.errors[0]
    assert "Traceback" not in done.err
    assert [path.name for path in study.iterdir() if "refused" in path.name or path.name == "elsewhere"] == []
