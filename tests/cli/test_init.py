"""What `cotune init` writes says all that the pool says, of any folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from programs import write_pool

from cotune.config import load_config
from cotune.config.pool import Entry, load_entries, pool_entries
from cotune.strict_yaml import parse_yaml
from cotune.tasks import DatasetSpec

POOL = """\
datasets:
  - {name: animals, path: data/animals, kind: classification}
  - {name: letters, path: "data/letters/*.jsonl", kind: classification, max_train_rows: 9, seed: 7}
  - name: "08"
    path: data/sounds
    kind: classification
    splits: {train: train.jsonl, dev: test.jsonl, test: dev.jsonl}
    columns: {text: text, cry: id}
    labels: ["no", "yes"]
    roles: ["1e-3"]
    template: {instruction: "", prompt: "{text}: {cry}\\n#Kind:", empty: "no"}
    metric: macro_f1
    licence: "CC0: 'free' # of \\u2028 charge"
    subset: en
    revision: "0123"
    group: text
    max_train_rows: 50
    seed: 3
"""


@pytest.fixture
def pool(place):
    """A pool file in a folder of its own, beside its data; one entry says everything that an entry can say."""
    write_pool(place / "pools" / "data")
    (place / "pools" / "data" / "letters").mkdir()
    for name, letters in (("one", "abcdefgh"), ("two", "ijklmnop")):
        rows = [json.dumps({"text": f"text {letter}", "label": "no" if letter < "e" else "yes"}) for letter in letters]
        (place / "pools" / "data" / "letters" / f"{name}.jsonl").write_text("\n".join(rows))
    (place / "pools" / "pool.yaml").write_text(POOL, encoding="utf-8")
    return Path("pools/pool.yaml")


def rooted(entries: tuple[Entry, ...], base: Path) -> list[DatasetSpec]:
    return [replace(entry, path=str((base / entry.path).resolve())) for entry in entries]


@pytest.mark.parametrize("out", ["made.yaml", "deep/er/made.yaml"])
def test_entries_survive(pool, cotune, out):
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    done = cotune("init", "--pool", pool, "--target", "08", "--target", "letters", "--out", out)
    assert done.code == 0, done.err
    made = load_config(Path(out))
    listed = pool_entries(pool)
    assert rooted(made.datasets, Path(out).parent) == rooted(listed, pool.parent)
    assert made.targets == {"08": 1.0, "letters": 1.0}
    before, after = load_entries(listed, pool.parent), load_entries(made.datasets, Path(out).parent)
    assert [task.fingerprint for task in after] == [task.fingerprint for task in before]


def test_json_says_the_same_study(pool, cotune):
    arguments = ("init", "--pool", pool, "--target", "08")
    written = parse_yaml(cotune(*arguments).out).value
    assert json.loads(cotune(*arguments, "--json").out) == written
    assert json.loads(cotune(*arguments, "--json", "--out", "made.yaml").out) == written
    assert parse_yaml(Path("made.yaml").read_text(encoding="utf-8")).value == written


def test_what_a_pool_leaves_out_stays_out_but_for_the_kind(pool, cotune):
    lines = cotune("init", "--pool", "pools/data", "--target", "animals").out.splitlines()
    assert "  - {name: animals, path: pools/data/animals, kind: classification}  # 60 train rows; CC0 1.0" in lines
    assert "targets: [animals]  # or with weights, as {a: 2, b: 1}" in lines
    assert "model: embedded  #" in "\n".join(lines)
