"""Statistics of a dataset, by hand and on the shared sets."""

import json
from pathlib import Path

import pytest

from cotune.task import Entity, Row, Task
from cotune.tasks import statistics


def test_by_hand() -> None:
    rows = {
        "train": [
            Row("1", {"text": "a b c"}, (Entity("A", 0, 1), Entity("B", 2, 3))),
            Row("2", {"text": "d e"}, ()),
            Row("3", {"text": "d e"}, (Entity("A", 0, 1),)),
            Row("4", {"text": "d e"}, ()),
        ],
        "test": [Row("5", {"text": "x " * 50}, ())],
    }
    found = statistics(Task("t", "ner", rows, labels=("A", "B", "C")))
    assert found.rows == {"train": 4, "test": 1}
    assert found.input_words == pytest.approx(9 / 4)
    assert found.longest_input_words == 3
    assert found.answer_words == pytest.approx((4 + 1 + 2 + 1) / 4)
    assert found.empty_share == pytest.approx(1 / 2)
    assert found.label_counts == {"A": 2, "B": 1, "C": 0}
    assert found.label_entropy == pytest.approx(0.9182958)
    assert found.duplicates == 1


def test_no_rows_is_no_error() -> None:
    found = statistics(Task("t"))
    assert (found.input_words, found.empty_share, found.label_entropy, found.duplicates) == (0, 0, 0, 0)


def test_they_agree_with_the_descriptions(shared_tasks: tuple[Task, ...], shared_data: Path) -> None:
    for task in shared_tasks:
        about = json.loads((shared_data / task.name / "dataset.json").read_text(encoding="utf-8"))
        found = statistics(task)
        assert found.rows == about["counts"]
        assert found.duplicates == 0
        if "empty_rows" in about:
            assert found.empty_share == pytest.approx(about["empty_rows"]["train"] / about["counts"]["train"])
