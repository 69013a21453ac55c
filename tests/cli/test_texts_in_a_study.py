"""Unlabelled texts in a study: checked, trained and told like any dataset, and refused where answers are needed."""

import json
from pathlib import Path

import pytest
import yaml

SMALL = {
    "budget": {"tokens": 1000},
    "dev_rows": 8,
    "train": {"batch_tokens": 256, "max_length": 64},
    "lora": {"layers": "top-1"},
}


@pytest.fixture
def study(model_place):
    datasets = [
        {"name": "animals", "path": "data/animals"},
        {"name": "words", "path": "data/fruits", "kind": "text"},
    ]
    made = {"model": "model", "targets": ["animals"], "datasets": datasets}
    (model_place / "study.yaml").write_text(yaml.safe_dump(made | SMALL))
    return model_place


def test_a_check_shows_texts_with_their_share(study, cotune):
    done = cotune("check", "study.yaml", "--no-measure", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    (words,) = (one for one in told["datasets"] if one["name"] == "words")
    first = json.loads((study / "data/fruits/train.jsonl").read_text().splitlines()[0])
    assert (words["kind"], words["metric"], words["prompt"], words["answer"]) == ("text", "none", "", first["text"])
    assert words["statistics"]["label_counts"] == {}
    assert told["shares"]["words"]["tokens"] == pytest.approx(told["shares"]["animals"]["tokens"], abs=64)
    assert not [line for line in told["warnings"] if "'words'" in line]


def test_a_mixture_with_texts_is_scored_on_what_has_a_metric(study, cotune, refused):
    for mixture, out in (("animals,words", "both"), ("words", "alone")):
        done = cotune("train", "study.yaml", "--mix", mixture, "--out", out, "--json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert told["metrics"] == {"animals": "accuracy"}
        assert {name for lines in told["results"].values() for name in lines} == {"animals"}
    Path("new.jsonl").write_text("".join(json.dumps({"text": f"a text, the {n}th"}) + "\n" for n in range(12)))
    assert "no baseline of 'words'; it has ['animals']" in refused("monitor", "both", "new.jsonl", "--dataset", "words")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "study.yaml", "--target", "words"), "Dataset 'words': A text dataset has no metric"),
        (("check", "study.yaml", "keep.words=0.1"), "Dataset 'words': A text dataset has no metric"),
        (("run", "study.yaml", "scoring.metric_for=[words]"), "Dataset 'words': A text dataset has no metric"),
        (("exhaust", "study.yaml", "--out", "made"), "['words'] are unlabelled texts, which have none. Leave them out"),
        (("run", "study.yaml", "train.loss=contrastive"), "Give it another loss: train.overrides.words.loss"),
        (("check", "study.yaml", "datasets.words.metric=accuracy"), "Dataset 'words': A text dataset has no metric"),
        (
            ("pseudolabel", "study.yaml", "--dataset", "words", "--rows", "data/sounds/train.jsonl", "--out", "made"),
            "Dataset 'words' is of kind text with 0 labels; pseudo-labels are chosen",
        ),
        (
            ("elements", "study.yaml", "--dataset", "words", "--out", "made"),
            "Dataset 'words' is of kind text with 0 labels; elements are judged",
        ),
    ],
)
def test_what_needs_answers_refuses_texts_in_one_line(study, refused, words, said):
    assert said in refused(*words, "model=nowhere")
    assert not (study / "made").exists()


def test_init_lists_texts_of_a_folder_that_says_so(study, cotune, refused):
    (study / "pool" / "words").mkdir(parents=True)
    (study / "pool" / "words" / "dataset.json").write_text('{"task": "text"}')
    (study / "pool" / "animals").symlink_to(study / "data" / "animals")
    rows = [json.dumps({"text": f"{one} {two}"}) for one in ("ash", "bee", "cow") for two in ("goes", "stays")]
    (study / "pool" / "words" / "train.jsonl").write_text("\n".join(rows))
    done = cotune("init", "--pool", "pool", "--target", "animals", "--json")
    assert done.code == 0, done.err
    assert [one["kind"] for one in json.loads(done.out)["datasets"]] == ["classification", "text"]
    said = "A text dataset has no metric and is scored by its loss alone: leave it out of targets"
    assert said in refused("init", "--pool", "pool", "--target", "words")
