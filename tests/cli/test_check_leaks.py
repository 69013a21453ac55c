"""Leaks on the command line: they are listed before they are refused, and a dataset added keeps old trials."""

import json

import pytest
from programs import write_pool

from cotune.journal import read_journal

TRAINER = """\
from cotune import each

evaluate = each(lambda request: {"animals": 0.5 + 0.1 * len(request.mixture.names)})
"""
NAMES = ("animals", "fruits", "sounds")


@pytest.fixture
def pool(place):
    """A pool of which `sounds` has train rows of `animals` in its dev split, with an instant trainer."""
    write_pool(place / "data", NAMES)
    train = [json.loads(line) for line in (place / "data" / "animals" / "train.jsonl").read_text().splitlines()[:5]]
    copied = [json.dumps({**row, "id": f"copy-{row['id']}"}) for row in train]
    dev = place / "data" / "sounds" / "dev.jsonl"
    dev.write_text(dev.read_text() + "\n".join(copied) + "\n")
    (place / "own_trainer.py").write_text(TRAINER)
    write_study(place, NAMES)
    return place


def write_study(place, names):
    listed = "".join(f"  - {{name: {name}, path: data/{name}}}\n" for name in names)
    (place / "study.yaml").write_text(
        f"evaluate: own_trainer:evaluate\ntargets: [animals]\nsearch: {{trials: 4, confirm: 0}}\ndatasets:\n{listed}"
    )


def test_a_check_lists_the_leaks_that_it_refuses(pool, cotune):
    listed = "5 train rows of animals stand in dev of sounds"
    done = cotune("check", "study.yaml", "leaks=refuse")
    assert done.code == 2
    assert listed in done.out
    assert len(done.errors) == 1
    found = json.loads(cotune("check", "study.yaml", "leaks=refuse", "--json").out)
    assert found["leaks"] == [listed]
    assert cotune("check", "study.yaml").code == 0


def test_a_dataset_that_loses_most_of_its_rows_is_pointed_out(pool, cotune):
    rows = (pool / "data" / "animals" / "train.jsonl").read_text().splitlines()
    dev = pool / "data" / "sounds" / "dev.jsonl"
    (pool / "data" / "animals" / "train.jsonl").write_text("\n".join(rows[:8]) + "\n")

    def warnings():
        done = cotune("check", "study.yaml", "--json")
        assert done.code == 0, done.err
        return [line for line in json.loads(done.out)["warnings"] if "are left" in line]

    assert warnings() == ["3 of 8 train rows of 'animals' are left; the others stand in dev or test rows."]
    dev.write_text("\n".join(dev.read_text().splitlines()[:-5]) + "\n")  # without the copies
    assert warnings() == []


def test_a_check_lists_dev_rows_that_stand_in_their_test_split(pool, cotune, refused):
    dev, test = (pool / "data" / "fruits" / f"{split}.jsonl" for split in ("dev", "test"))
    row = json.loads(test.read_text().splitlines()[0])
    dev.write_text(dev.read_text() + json.dumps({**row, "id": "copy"}) + "\n")
    listed = "1 dev rows of fruits stand in its own test, as copy"
    assert listed in cotune("check", "study.yaml").out
    assert listed in json.loads(cotune("check", "study.yaml", "--json").out)["leaks"]
    test.write_text(dev.read_text())
    assert "Dataset 'fruits': 25 of 25 test rows stand in dev too" in refused("check", "study.yaml")
    assert "Dataset 'fruits': 25 of 25 test rows stand in dev too" in refused("run", "study.yaml", "--dry-run")


def test_a_dataset_added_that_makes_rows_leak_keeps_the_trials(pool, cotune, refused):
    write_study(pool, NAMES[:2])
    assert cotune("run", "study.yaml", "--in-process").code == 0
    before = read_journal(pool / "runs" / "study").records
    write_study(pool, NAMES)
    done = cotune("run", "study.yaml", "--in-process", "--trials", 6)
    assert done.code == 0, done.err
    after = read_journal(pool / "runs" / "study").records
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert 'leaks: "drop" -> "keep"' in refused("run", "study.yaml", "--in-process", "leaks=keep")


def test_equal_trials_are_reused_under_the_same_policy_alone(pool, cotune):
    assert cotune("run", "study.yaml", "--in-process").code == 0
    again = ("run", "study.yaml", "--in-process", "--reuse", "runs/study")
    assert "reused from study" in cotune(*again, "name=same").err
    assert "reused from study" not in cotune(*again, "name=other", "leaks=keep").err
