"""Unlabelled texts: taken where they are named so, never guessed, and read without labels."""

from pathlib import Path

import pytest
from handmade import WriteLines

from cotune.task import Row, Task
from cotune.tasks import DatasetSpec, drop_leaks, find_leaks, load_task, lost_rows, metrics_of, statistics
from cotune.tasks.kinds import FORMATS, GUESSED
from cotune.tasks.metrics import check_metric

WORDS = ["ash", "bee", "cow", "doe", "elk", "fly", "gnu", "hen", "ibis", "jay"]
ROWS = [{"text": f" the {word} is in the tall grass \n", "mood": "glad"} for word in WORDS]


def read(write_lines: WriteLines, rows: list[dict[str, object]], **keys: object) -> Task:
    path = write_lines("own/train.jsonl", rows)
    return load_task(DatasetSpec("own", str(path), **keys), path.parent)  # type: ignore[arg-type]


def test_a_text_is_its_own_answer_and_the_rest_of_its_row_is_not_read(write_lines: WriteLines) -> None:
    task = read(write_lines, [{**row, "label": {"no": "label"}} for row in ROWS], kind="text")
    rows = [row for part in task.rows.values() for row in part]
    assert {row.answer for row in rows} == {f"the {word} is in the tall grass" for word in WORDS}
    assert all(row.fields == {"text": row.answer} for row in rows)
    assert (task.kind, task.metric, task.labels, task.roles) == ("text", "none", (), ())
    facts = statistics(task)
    assert (facts.answer_words, facts.empty_share, facts.label_counts) == (7, 0, {})
    assert lost_rows(task) == ()


@pytest.mark.parametrize("column", ["text", "content", "sentence", "document", "abstract"])
def test_usual_names_are_found_and_others_are_named(write_lines: WriteLines, column: str) -> None:
    plain = read(write_lines, ROWS, kind="text")
    named = [{column: row["text"]} for row in ROWS]
    assert read(write_lines, named, kind="text").fingerprint == plain.fingerprint
    odd = [{"words": row["text"]} for row in ROWS]
    assert read(write_lines, odd, kind="text", columns={"text": "words"}).fingerprint == plain.fingerprint
    with pytest.raises(ValueError, match=r"fit no dataset of the kinds \['text: text'\]"):
        read(write_lines, odd, kind="text")


def test_no_columns_make_a_text_unasked(write_lines: WriteLines) -> None:
    assert set(GUESSED) == set(FORMATS) - {"text"}
    with pytest.raises(ValueError, match="To train on the texts alone, say `kind: text`") as told:
        read(write_lines, ROWS)
    assert "'text: text'" not in str(told.value)
    with pytest.raises(ValueError, match="fit no dataset of the kinds") as told:
        read(write_lines, [{"mood": "glad"}])
    assert "kind: text" not in str(told.value)
    labelled = [{**row, "label": "a" if number % 2 else "b"} for number, row in enumerate(ROWS)]
    assert read(write_lines, labelled).kind == "classification"


def test_a_folder_may_say_that_its_rows_are_texts(write_lines: WriteLines) -> None:
    write_lines("own/dataset.json", [{"task": "text", "labels": ["a", "b"], "roles": ["r"], "license": "CC0"}])
    path = write_lines("own/train.jsonl", ROWS)
    task = load_task(DatasetSpec("own", "own"), path.parent.parent)
    assert (task.kind, task.labels, task.roles, task.licence) == ("text", (), (), "CC0")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"metric": "rouge_l"}, "own': A text dataset has no metric and is scored by its loss alone"),
        ({"template": {"prompt": "{text}"}}, "own': a text is trained on as it stands, without a template"),
        ({"labels": ("a", "b")}, "own': a text has no labels and no roles; leave them out"),
        ({"roles": ("agent",)}, "own': a text has no labels and no roles; leave them out"),
    ],
)
def test_what_a_text_cannot_have_is_refused(write_lines: WriteLines, keys: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(write_lines, ROWS, kind="text", **keys)


def test_a_text_has_no_metric() -> None:
    assert metrics_of("text") == ()
    with pytest.raises(ValueError, match="has no metric"):
        check_metric("text", "none")


def test_a_text_of_a_held_out_row_is_dropped() -> None:
    said = [f"{word} came along the long road today" for word in WORDS]
    texts = Task("texts", "text", {"train": [Row(str(n), {"text": text}, text) for n, text in enumerate(said)]})
    held = {
        "train": [Row("own", {"text": "nothing of this stands elsewhere at all"}, "x")],
        "dev": [Row("d", {"text": said[3].upper() + "!"}, "x")],
        "test": [Row("t", {"text": said[5].replace("today", "today too")}, "x")],
    }
    tasks = (Task("target", "classification", held), texts)
    kept = drop_leaks(tasks, find_leaks(tasks))
    assert [row.id for row in kept[1].rows["train"]] == ["0", "1", "2", "4", "6", "7", "8", "9"]
    assert kept[0] is tasks[0]


def test_texts_of_a_dataset_of_one_file_have_its_splits(write_lines: WriteLines, tmp_path: Path) -> None:
    """So none of its train rows stands among their held-out ones, and none is dropped."""
    labelled = [{**row, "label": "a" if number % 2 else "b"} for number, row in enumerate(ROWS)]
    path = write_lines("one.jsonl", labelled)
    tasks = [load_task(DatasetSpec(kind, str(path), kind=kind), tmp_path) for kind in ("classification", "text")]
    ids = [{split: [row.id for row in rows] for split, rows in task.rows.items()} for task in tasks]
    assert ids[0] == ids[1]
