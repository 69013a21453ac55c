"""`cotune elements` writes datasets that a study can name, whole or not at all."""

import json

import pytest
import yaml
from programs import stop_in

SMALL = {
    "budget": {"tokens": 1000},
    "dev_rows": 8,
    "train": {"batch_tokens": 256, "max_length": 256},
    "lora": {"layers": "top-1"},
}
ASK = ("elements", "study.yaml", "--dataset", "animals")


@pytest.fixture
def study(model_place):
    datasets = [{"name": name, "path": f"data/{name}"} for name in ("animals", "fruits")]
    (model_place / "says").mkdir(exist_ok=True)
    (model_place / "says" / "train.jsonl").write_text(
        "".join(json.dumps({"input": word, "output": "so"}) + "\n" for word in ("one", "two", "three", "four"))
    )
    datasets.append({"name": "says", "path": "says"})
    made = {"model": "model", "targets": ["animals"], "datasets": datasets}
    (model_place / "study.yaml").write_text(yaml.safe_dump(made | SMALL))
    return model_place


@pytest.mark.slow
def test_what_is_printed_can_be_added_and_trained(study, cotune):
    done = cotune(*ASK, "--out", "out/made", "--rows", "24", "--rounds", "1", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [entry["name"] for entry in told["datasets"]] == ["animals-aspect", "animals-opinion"]
    assert {path.name for path in (study / "out").iterdir()} == {"made"}
    for one in told["written"]:
        assert 0 <= one["refined"] <= one["shown"] <= one["rows"]["train"] <= 24
        assert 0 < one["confidence"] < 1
    config = yaml.safe_load((study / "study.yaml").read_text())
    config["datasets"] += told["datasets"]
    config["train"]["balancer"] = "mt_isa"
    (study / "more.yaml").write_text(yaml.safe_dump(config))
    trained = cotune("train", "more.yaml", "--mix", "animals,animals-aspect,animals-opinion", "--out", "best", "--json")
    assert trained.code == 0, trained.err

    text = cotune(*ASK, "--out", "out/told", "--rows", "12", "--element", "point of view", "--model", "model")
    assert text.code == 0, text.err
    (listed,) = yaml.safe_load(text.out[text.out.index("train:\n") :])["datasets"]
    assert listed["path"] == "out/told/animals-point-of-view"
    assert (study / listed["path"] / "train.jsonl").is_file()
    line = cotune("elements", "more.yaml", "--dataset", "animals", "--out", "out/again", "--element", "aspect")
    assert (line.code, "has datasets ['animals-aspect'] already" in line.errors[0]) == (2, True)


def test_a_dry_run_says_how_much_and_asks_nothing(study, cotune):
    told = cotune(*ASK, "--out", "dry", "--rows", "20", "--model", "none", "--dry-run")
    assert told.code == 0, told.err
    # 20 train rows and a tenth of that twice: 24 rows, two elements each, three times if refined twice
    assert "24 rows of animals (20 train, 4 dev): 48 outputs, up to 144 if 2 rounds" in told.out
    assert "Name the aspect in this text, in a few words. animals" in told.out
    facts = json.loads(cotune(*ASK, "--out", "dry", "--rows", "20", "--rounds", "0", "--dry-run", "--json").out)
    assert (facts["rows"], facts["least_outputs"]) == ({"train": 20, "dev": 2, "test": 2}, facts["most_outputs"])
    assert not (study / "dry").exists()


@pytest.mark.slow
def test_what_is_stopped_leaves_no_folder(study):
    many = [word for number in range(40) for word in ("--element", f"word {number}")]  # it is to be there still
    code, said = stop_in("asking ", *ASK, "--out", "stopped", "--rounds", "9", *many)
    assert (code, said[-1]) == (130, "Stopped.")
    assert [path.name for path in study.iterdir() if "stopped" in path.name] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dataset", "animal"), "Unknown datasets ['animal'] in --dataset; the pool has"),
        (("--dataset", "says"), "is of kind generation with 0 labels"),
        (("--dataset", "animals", "--out", "data"), "'data' is there already"),
        (("--dataset", "animals", "--element", "a", "--element", "a"), "one or more different words"),
        (("--dataset", "animals", "--model", "none"), "'none'"),
        (("--dataset", "animals", "--rows", "0"), "--rows"),
        (("--dataset", "animals", "train.max_length=600"), "reads 512 tokens"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_leaves_nothing(study, cotune, words, said):
    done = cotune("elements", "study.yaml", "--out", "refused", *words)
    assert (done.code, len(done.errors)) == (2, 1), done.err
    assert said in done.errors[0]
    assert "Traceback" not in done.err
    assert [path.name for path in study.iterdir() if "refused" in path.name] == []
