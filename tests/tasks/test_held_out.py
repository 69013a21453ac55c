"""Selection never sees the reporting split: dev and test that are one are refused, shared rows are found."""

from pathlib import Path

import pytest
from handmade import WriteLines
from hypothesis import given
from hypothesis import strategies as st

from cotune.config import without_leaks
from cotune.task import Row, Task
from cotune.tasks import DatasetSpec, load_task
from cotune.tasks.held_out import check_apart, shared_with_test

TRAIN, DEV, TEST = ([{"text": f"{split} {chr(97 + n)}", "label": "ab"[n % 2]} for n in range(20)] for split in "xyz")


def load(write_lines: WriteLines, dev: list[dict[str, str]], test: list[dict[str, str]]) -> Task:
    for split, rows in (("train", TRAIN), ("dev", dev), ("test", test)):
        path: Path = write_lines(f"set/{split}.jsonl", rows)
    return load_task(DatasetSpec("x", "set"), path.parent.parent)


def rows_of(texts: list[str], prefix: str = "") -> list[Row]:
    return [Row(f"{prefix}{number}", {"text": text}, "x") for number, text in enumerate(texts)]


def test_no_shared_set_has_a_row_in_both(shared_tasks: tuple[Task, ...]) -> None:
    assert not {task.name: found for task in shared_tasks if (found := shared_with_test(task.rows))}
    for task in shared_tasks:
        check_apart(task.rows)


def test_copies_are_refused_whatever_case_signs_order_and_labels(write_lines: WriteLines) -> None:
    copy = [{"text": row["text"].upper() + "!", "label": "a"} for row in reversed(TEST)]
    with pytest.raises(ValueError, match=r"Dataset 'x': 20 of 20 test rows stand in dev too, but the search looks"):
        load(write_lines, copy, TEST)


def test_sums_that_differ_by_a_sign_are_not_copies() -> None:
    dev, test = ([f"Compute {n} {sign} 1{n}." for n in range(20)] for sign in "+-")
    check_apart({"dev": rows_of(dev), "test": rows_of(test, "t")})


def test_a_dev_split_that_is_a_part_of_test_is_refused_and_the_reverse(write_lines: WriteLines) -> None:
    with pytest.raises(ValueError, match="5 of 5 dev rows stand in test too"):
        load(write_lines, TEST[:5], TEST)
    with pytest.raises(ValueError, match="5 of 5 test rows stand in dev too"):
        load(write_lines, TEST, TEST[:5])


def test_a_few_shared_rows_are_named(write_lines: WriteLines) -> None:
    task = load(write_lines, [*DEV, *TEST[:2]], TEST)
    dev = [row.id for row in task.rows["dev"]]
    assert shared_with_test(task.rows) == tuple(dev[-2:])


def test_shared_rows_leave_dev_as_the_policy_says(write_lines: WriteLines, caplog: pytest.LogCaptureFixture) -> None:
    task = load(write_lines, [*DEV, *TEST[:2]], TEST)
    (kept,), (dropped,) = (without_leaks([task], policy) for policy in ("keep", "drop"))
    assert kept == task
    assert dropped.rows["dev"] == task.rows["dev"][:-2]
    assert dropped.rows["test"] == task.rows["test"]
    assert dropped.fingerprint == task.fingerprint
    assert "Left out 2 dev rows that stand in test rows" in caplog.text
    assert not shared_with_test(dropped.rows)
    assert without_leaks([dropped], "refuse") == (dropped,)
    with pytest.raises(ValueError, match=f"2 dev rows of 'x' stand in its test rows, as '{task.rows['dev'][-2].id}'"):
        without_leaks([task], "refuse")


def test_a_task_from_python_whose_dev_is_test_is_refused() -> None:
    rows = rows_of(["z a", "z b"])
    with pytest.raises(ValueError, match="Dataset 't': 2 of 2 test rows stand in dev too"):
        without_leaks([Task("t", "classification", {"train": rows_of(["x"]), "dev": rows, "test": rows})], "drop")


texts = st.lists(st.text("abA1 .", min_size=1, max_size=2), max_size=8)


@given(texts, texts)
def test_what_is_refused_is_more_than_half_of_a_split(dev: list[str], test: list[str]) -> None:
    rows = {"dev": rows_of(dev), "test": rows_of(test)}
    in_test, in_dev = (len(shared_with_test({"dev": a, "test": b})) for a, b in (rows.values(), [*rows.values()][::-1]))
    if 2 * in_test <= len(dev) and 2 * in_dev <= len(test):
        return check_apart(rows)
    with pytest.raises(ValueError, match="stand in"):
        check_apart(rows)
    return None


def test_a_pair_is_shared_only_as_a_whole() -> None:
    one, two, three = (Row(b, {"text_a": "A man sleeps.", "text_b": b}, "x") for b in ("b", "c", "B!"))
    assert not shared_with_test({"dev": [one], "test": [two]})
    assert shared_with_test({"dev": [one], "test": [two, three]}) == ("b",)
