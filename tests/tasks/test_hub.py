"""The datasets library: saved folders, local folders, and a hub that cannot be reached (fault 40)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cotune.task import Entity
from cotune.tasks import DatasetSpec, load_task
from cotune.tasks.hub import is_hub_id, read_hub

datasets = pytest.importorskip("datasets")


def sentiment(count: int, first: int = 0) -> "datasets.Dataset":
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    texts = [f"text {chr(97 + first + number)} here" for number in range(count)]
    return datasets.Dataset.from_dict({"sentence": texts, "label": [n % 2 for n in range(count)]}, features=features)


def test_a_saved_dataset_with_class_labels(tmp_path: Path) -> None:
    sentiment(20).save_to_disk(tmp_path / "saved")
    task = load_task(DatasetSpec("s", "saved"), tmp_path)
    assert (task.kind, task.labels, task.source) == ("classification", ("neg", "pos"), "saved")
    assert {split: len(rows) for split, rows in task.rows.items()} == {"train": 16, "dev": 2, "test": 2}
    assert all(row.answer == ("neg", "pos")[(ord(row.fields["text"][5]) - 97) % 2] for row in task.rows["train"])


def test_splits_of_a_saved_dictionary(tmp_path: Path) -> None:
    parts = datasets.DatasetDict({"train": sentiment(9), "validation": sentiment(5, 10), "extra": sentiment(3, 20)})
    parts.save_to_disk(tmp_path / "saved")
    task = load_task(DatasetSpec("s", "saved"), tmp_path)
    assert {split: len(rows) for split, rows in task.rows.items()} == {"train": 8, "dev": 5, "test": 1}
    named = load_task(
        DatasetSpec("s", "saved", splits={"train": "train", "dev": "validation", "test": "extra"}), tmp_path
    )
    assert {split: len(rows) for split, rows in named.rows.items()} == {"train": 9, "dev": 5, "test": 3}
    with pytest.raises(ValueError, match=r"there is no split \['tests'\]; it has \['train', 'validation', 'extra'\]"):
        load_task(DatasetSpec("s", "saved", splits={"train": "train", "test": "tests"}), tmp_path)


def test_secret_labels_are_left_out(tmp_path: Path) -> None:
    hidden = sentiment(4).map(lambda row: {"label": -1})
    datasets.DatasetDict({"train": sentiment(20), "test": hidden}).save_to_disk(tmp_path / "saved")
    task = load_task(DatasetSpec("s", "saved"), tmp_path)
    assert {split: len(rows) for split, rows in task.rows.items()} == {"train": 16, "dev": 2, "test": 2}


def test_tags_as_class_labels(tmp_path: Path) -> None:
    names = datasets.ClassLabel(names=["O", "B-PER", "I-PER"])
    features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(names)})
    rows = {"tokens": [["Ann", f"L{chr(97 + n)}", "left"] for n in range(9)], "ner_tags": [[1, 2, 0]] * 9}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
    task = load_task(DatasetSpec("s", "saved"), tmp_path)
    assert task.kind == "ner"
    assert {row.answer for row in task.rows["train"]} == {(Entity("PER", 0, 6),)}


def test_types_of_spans_as_class_labels(tmp_path: Path) -> None:
    span = {
        "start": datasets.Value("int32"),
        "end": datasets.Value("int32"),
        "type": datasets.ClassLabel(names=["A", "B"]),
    }
    listed, columns = [{"start": 0, "end": 1, "type": 1}], {"start": [0], "end": [1], "type": [1]}
    for number, (spans, value) in enumerate([(datasets.List(span), listed), (datasets.Sequence(span), columns)]):
        features = datasets.Features({"text": datasets.Value("string"), "spans": spans})
        rows = {"text": [f"x {chr(97 + n)}" for n in range(9)], "spans": [value] * 9}
        datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / str(number))
        task = load_task(DatasetSpec("s", str(number)), tmp_path)
        assert {row.answer for row in task.rows["train"]} == {(Entity("B", 0, 1),)}


def test_nested_rows_come_back_from_columns(tmp_path: Path) -> None:
    event = {"type": "E", "trigger": "hit", "arguments": [{"role": "R", "text": "b"}]}
    rows = [{"text": f"a hit b {chr(97 + n)}", "events": [event] * (n % 2)} for n in range(9)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    plain, saved = (load_task(DatasetSpec("s", name), tmp_path) for name in ("rows.jsonl", "saved"))
    assert saved.fingerprint == plain.fingerprint


def test_load_dataset_reads_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    sentiment(6).to_parquet(str(tmp_path / "data" / "train.parquet"))
    source = read_hub(DatasetSpec("s", str(tmp_path / "data")))
    assert [record.values["label"] for record in source.records["train"]] == ["neg", "pos"] * 3


def test_a_damaged_saved_folder_is_named(tmp_path: Path) -> None:
    sentiment(6).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text("{")
    with pytest.raises(ValueError, match=r"Dataset 's': .*saved: not a readable saved dataset"):
        load_task(DatasetSpec("s", "saved"), tmp_path)


def test_an_uncached_hub_dataset_fails_fast_by_name(without_hub: Callable[[str], str]) -> None:
    code = (
        "import time; from pathlib import Path; import datasets; from cotune.tasks import DatasetSpec, load_task\n"
        "start = time.monotonic()\n"
        "try: load_task(DatasetSpec('mine', 'some-org/some-set'), Path('.'))\n"
        "except ValueError as error: print(time.monotonic() - start, error)"
    )
    seconds, message = without_hub(code).split(" ", 1)
    assert float(seconds) < 5
    assert "Dataset 'mine': 'some-org/some-set' is no local file" in message


def test_paths_are_not_taken_for_hub_ids() -> None:
    assert is_hub_id("org/name")
    assert is_hub_id("imdb")
    for path in ("../x", "./x", "/etc/passwd", "a/b/c", "org/..", "~/x", "org/na me"):
        assert not is_hub_id(path)
