"""Commands that only look: the space of mixtures, features, composite scores, known pools."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import write_pool

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def pool(place):
    write_pool(place / "data")
    (place / "small.yaml").write_text(
        "targets: [animals]\ndatasets:\n"
        + "".join(f"  - {{name: {name}, path: data/{name}}}\n" for name in ("animals", "fruits", "sounds"))
    )
    return place


def test_twelve_datasets_make_2048_combinations(place, cotune):
    (place / "p.yaml").write_text(f"datasets: {json.dumps([f'set{i}' for i in range(12)])}")
    assert cotune("space", "--pool", "p.yaml", "--target", "set3", "--count").out == "2048\n"
    listed = json.loads(cotune("space", "--pool", "p.yaml", "--target", "set3", "--list", 4000, "--json").out)
    mixtures = [tuple(sorted(mixture)) for mixture in listed["mixtures"]]
    assert len(set(mixtures)) == 2048
    assert all("set3" in mixture for mixture in mixtures)
    rows = cotune("space", "--pool", "p.yaml", "--target", "set3", "--list", 4000).out.splitlines()[2:]
    masks = {int(row.split()[0]) for row in rows}
    assert len(masks) == 2048
    assert all(mask & 8 for mask in masks)


def test_a_folder_is_a_pool_too(pool, cotune):
    assert cotune("space", "--pool", "data", "--target", "fruits", "--count").out == "4\n"
    assert cotune("space", "small.yaml", "--levels", 2, "--count").out == "14\n"


def test_features_are_named_and_do_not_hang_on_the_order(pool, cotune):
    one = json.loads(cotune("features", "small.yaml", "--mix", "animals,fruits", "--json").out)
    two = json.loads(cotune("features", "small.yaml", "--mix", "fruits,animals", "--json").out)
    assert one == two
    assert "parts:animals" in one[0]["features"]


def test_features_never_read_test_rows(pool, cotune):
    before = cotune("features", "small.yaml", "--mix", "animals,fruits").out
    for name in ("animals", "fruits", "sounds"):
        path = pool / "data" / name / "test.jsonl"
        path.write_text(path.read_text().replace('"yes"', '"no"'))
    assert cotune("features", "small.yaml", "--mix", "animals,fruits").out == before


def test_init_writes_a_study_that_opens(pool, cotune):
    assert cotune("init", "--pool", "data", "--target", "sounds", "--out", "made.yaml").code == 0
    assert cotune("space", "made.yaml", "--count").out == "4\n"
    assert cotune("init", "--pool", "data", "--target", "sounds", "--out", "made.yaml").code == 2


def test_scores_put_together_equal_those_by_hand(place, cotune):
    (place / "s.json").write_text('{"x": {"a": 0.6, "b": 0.9}, "y": {"a": 0.5, "b": 0.3}}')
    (place / "alone.json").write_text('{"a": 0.5, "b": 0.6}')
    done = cotune("score", "s.json", "--weights", "a=2,b=1", "--singles", "alone.json", "--json")
    x, y = json.loads(done.out)
    assert x["mean"] == pytest.approx((2 * 0.6 + 0.9) / 3)
    assert x["delta_percent"] == pytest.approx(100 * ((0.6 / 0.5 + 0.9 / 0.6) / 2 - 1))
    assert (x["rank"], y["rank"]) == (1.0, 2.0)
    assert (y["worst_task"], y["worst"]) == ("b", 0.3)


@pytest.mark.parametrize(("missing", "mean"), [("skip", 0.6), ("zero", 0.4), ("refuse", None)])
def test_a_missing_score_is_treated_as_asked(place, cotune, missing, mean):
    (place / "s.json").write_text('{"a": 0.6, "b": null}')
    done = cotune("score", "s.json", "--weights", "a=2,b=1", "--missing", missing, "--json")
    assert done.code == (2 if mean is None else 0)
    if mean is not None:
        assert json.loads(done.out)[0]["mean"] == pytest.approx(mean)


def test_a_task_that_another_row_scores_is_missing(place, cotune, refused):
    (place / "s.json").write_text('{"x": {"a": 0.5, "b": 0.6}, "y": {"a": 0.7}}')
    assert "['b']" in refused("score", "s.json")
    rows = json.loads(cotune("score", "s.json", "--missing", "zero", "--json").out)
    assert [row["mean"] for row in rows] == [0.55, 0.35]


NO_SCORES = ["[]", "{}", '{"a": "b"}', '{"x": {"a": true}}', '{"x": {"a": 1}, "y": 2}', "{"]
NO_SCORES += ['{"x": {"a": 1, "a": 2}}', '{"x": {"a": NaN}}', '{"x": {"a": 1%s}}' % ("0" * 400), "[" * 100_000]


@pytest.mark.parametrize("text", NO_SCORES, ids=[text[:30] for text in NO_SCORES])
def test_files_that_hold_no_scores_are_refused(place, refused, text):
    (place / "s.json").write_text(text)
    assert "s.json" in refused("score", "s.json")


def test_a_known_pool_names_what_is_here_and_what_is_missing(place, cotune):
    if not SHARED.is_dir():
        pytest.skip("the sample datasets are not beside this clone")
    found = json.loads(cotune("pool", "show", "biomed12", "--data", SHARED, "--no-hub", "--json").out)
    assert len(found) == 12
    assert all(one["licence"] for one in found)
    here = [task for one in found for task in one["here"]]
    assert {"phee", "bc2gm"} <= {task["name"] for task in here}
    assert all(task["checksum"] and task["rows"]["train"] for task in here)
    assert "Not at hand: BioRED" in cotune("pool", "show", "biomed12", "--data", SHARED, "--no-hub").out


def test_a_set_that_the_hub_has_and_cannot_be_had_is_said(place):
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(place / "cache")}
    command = [sys.executable, "-c", "from cotune.cli import main; main()", "pool", "show", "biomed12"]
    for more in ([], ["--json"]):
        done = subprocess.run(
            [*command, *more], env=os.environ | offline, capture_output=True, text=True, check=True, encoding="utf-8"
        )
        if not more:
            assert "Not reachable here: Dataset 'ADE': 'ade-benchmark-corpus/ade_corpus_v2' is" in done.stdout
            continue
        trouble = {one["name"]: one["trouble"] for one in json.loads(done.stdout)}
        assert "the hub cannot be reached" in trouble.pop("ADE")
        assert set(trouble.values()) == {None}
