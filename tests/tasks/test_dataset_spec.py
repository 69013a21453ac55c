"""Entries of a pool: what they may say, and what is refused with the nearest name."""

import json
from pathlib import Path

import pytest

from cotune.tasks import DatasetSpec, dataset_spec, load_tasks
from cotune.tasks.pool import yaml_specs


def test_an_entry_gives_every_field() -> None:
    spec = dataset_spec(
        {
            "name": "intents",
            "path": "org/set",
            "type": "pair",
            "split": "train[:10%]",
            "splits": {"validation": "dev"},
            "columns": {"text_a": "q"},
            "labels": ["b", "a"],
            "instruction": "Judge.",
            "template": {"empty": "-"},
            "license": "MIT",
            "subset": "en",
            "max_train_rows": 5,
        }
    )
    assert spec == DatasetSpec(
        "intents",
        "org/set",
        kind="pair_classification",
        splits={"train": "train[:10%]", "dev": "dev"},
        columns={"text_a": "q"},
        labels=("b", "a"),
        template={"instruction": "Judge.", "empty": "-"},
        licence="MIT",
        subset="en",
        max_train_rows=5,
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "a"}, "'path' is a text; got None"),
        ({"name": "a", "path": ""}, "needs a path"),
        ({"name": "a", "path": "x\0y"}, "needs a path"),
        ({"name": "a", "path": "x", "coloumns": {}}, "Did you mean 'columns'"),
        ({"name": "a", "path": "x", "kind": "nre"}, "Did you mean 'ner'"),
        ({"name": "a", "path": "x", "kind": ["ner"]}, "kind .* is unknown"),
        ({"name": "a", "path": "x", "splits": {"tran": "f"}}, "Did you mean 'train'"),
        ({"name": "a", "path": "x", "splits": {"dev": "v", "test": "v"}}, "test and dev are the same split 'v'"),
        ({"name": "a", "path": "x", "labels": "pos"}, "labels is a list of texts"),
        ({"name": "a", "path": "x", "labels": ["a", "a"]}, "names each once"),
        ({"name": "a", "path": "x", "columns": {"text": 3}}, "columns is a mapping from text to text"),
        ({"name": "a", "path": "x", "template": {"promt": "x"}}, "Did you mean 'prompt'"),
        ({"name": "a", "path": "x", "seed": "0"}, "seed is a whole number"),
        ({"name": "a", "path": "x", "seed": -1}, "seed is >= 0"),
        ({"name": "a", "path": "x", "max_train_rows": 0}, "max_train_rows is >= 1"),
        ({"name": "a", "path": "x", "max_train_rows": True}, "max_train_rows is a whole number"),
    ],
)
def test_a_wrong_entry_is_named(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset_spec(entry)


BAD_NAMES = [
    *("", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", "C:x", "C:\\x", "\\\\host\\share", "-rf", ".hidden", " a"),
    *("a ", "a\n", "a\0b", "a\tb", "a\x1b[2J", "\u202egnp", "x" * 101, "é" * 51, "a/../../b", "~/..", "./a", "a:b"),
    *("\u2028", "\u200b", "a\r", "\x7f", "file:///x"),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_could_be_paths_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        dataset_spec({"name": name, "path": "x"})


def test_a_pool_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text("model: x\ndatasets:\n  - {name: a, path: a}\n  - {name: b, path: b, kind: nre}\n")
    with pytest.raises(ValueError, match=r"pool\.yaml:4: .*Did you mean 'ner'"):
        yaml_specs(path)
    path.write_text("model: x\n")
    with pytest.raises(ValueError, match=r"pool\.yaml:1: a pool has a list `datasets:`"):
        yaml_specs(path)
    path.write_text("datasets: [x]\n")
    with pytest.raises(ValueError, match=r"pool\.yaml:1: an entry of `datasets` is a mapping"):
        yaml_specs(path)


def test_names_that_differ_by_case_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text("datasets:\n  - {name: Set, path: a}\n  - {name: set, path: b}\n")
    with pytest.raises(ValueError, match=r"not by case alone; repeated: .*'Set'"):
        load_tasks(path)


@pytest.mark.parametrize("kind", ["pair", "pair_classification"])
def test_a_folder_names_its_kind_as_an_entry_does(tmp_path: Path, kind: str) -> None:
    rows = [{"text_a": f"so {letter}", "text_b": "so", "label": letter} for letter in "abcdefghij"]
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "pairs" / "dataset.json").write_text(json.dumps({"task": kind}))
    (task,) = load_tasks(tmp_path)
    assert task.kind == "pair_classification"
