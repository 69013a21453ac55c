"""Known pools: the twelve biomedical sets, what a folder holds of them, and what it lacks."""

from collections import Counter
from pathlib import Path

import pytest

from cotune.tasks import KNOWN_POOLS, find_pool


def test_biomed12_has_three_sets_of_each_kind() -> None:
    kinds = Counter(known.kind for known in KNOWN_POOLS["biomed12"])
    assert kinds == {"relation": 3, "event": 3, "ner": 3, "classification": 3}


def test_what_the_shared_sets_hold_of_it(shared_data: Path) -> None:
    found = {item.known.name: [task.name for task in item.tasks] for item in find_pool("biomed12", shared_data)}
    assert {name: names for name, names in found.items() if names} == {
        "PHEE": ["phee"],
        "genia2013": ["genia2013"],
        "BC2GM": ["bc2gm"],
        "BC5CDR": ["bc5cdr_chem", "bc5cdr_disease"],
    }
    assert len(found) == 12
    assert all(task.kind == item.known.kind for item in find_pool("biomed12", shared_data) for task in item.tasks)


def test_without_a_folder_all_are_missing() -> None:
    assert not any(item.tasks for item in find_pool("biomed12"))
    with pytest.raises(ValueError, match="Did you mean 'biomed12'"):
        find_pool("biomed21")


def test_a_saved_set_in_the_folder_stands_in_for_the_hub_s(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"text": [f"drug {letter} helped" for letter in "abcdefghijklmnopqrst"], "label": ["no", "yes"] * 10}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "ADE")
    found = {one.known.name: one for one in find_pool("biomed12", tmp_path, hub=True)}
    (task,) = found["ADE"].tasks
    assert {split: len(part) for split, part in task.rows.items()} == {"train": 16, "dev": 2, "test": 2}
    assert task.fingerprint
    assert not any(one.tasks or one.trouble for name, one in found.items() if name != "ADE")
