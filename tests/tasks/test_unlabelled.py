"""Rows without answers are read as rows of their dataset, and what is known of held-out rows is left out."""

import json
from dataclasses import replace

import pytest

from cotune.task import Row, Task, Template
from cotune.tasks.unlabelled import read_unlabelled, sift

LONG = "the parcel came late and the box was open on one side"
TRAIN = (Row("t1", {"text": "good value for the money"}, "pro"), Row("t2", {"text": "it broke"}, "con"))
DEV = (Row("d1", {"text": LONG}, "con"), Row("d2", {"text": "fine"}, "pro"))
REVIEWS = Task(
    "reviews",
    "classification",
    {"train": TRAIN, "dev": DEV},
    labels=("con", "pro"),
    template=Template("", "{text}\nLabel:"),
    metric="accuracy",
)
OTHER = Task("other", "generation", {"train": (), "test": (Row("o1", {"input": "a text of another dataset"}, "x"),)})


def written(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def rows(*texts):
    return [Row(str(number), {"text": text}, "con") for number, text in enumerate(texts)]


def test_rows_are_read_without_their_answers(tmp_path):
    file = written(
        tmp_path / "new.jsonl",
        {"id": "a", "text": "one", "label": "no label of ours"},
        {"id": "b", "text": "two", "label": ""},
        {"id": "c", "text": "three"},
        {"id": "d", "text": "four", "label": "pro"},
    )
    found = read_unlabelled(file, REVIEWS, {})
    assert [(row.id, row.fields["text"]) for row in found.rows] == [
        ("a", "one"),
        ("b", "two"),
        ("c", "three"),
        ("d", "four"),
    ]
    assert {row.answer for row in found.rows} == {"con"}
    assert found.answered == 2


def test_columns_are_the_dataset_s_own_where_the_file_has_them(tmp_path):
    columns = {"text": "body", "label": "opinion", "confidence": "sure", "group": "shop"}
    file = written(tmp_path / "own.jsonl", {"body": "one", "opinion": "pro", "sure": 0.5, "text": "not this"})
    found = read_unlabelled(file, REVIEWS, columns)
    assert ([dict(row.fields) for row in found.rows], found.answered) == ([{"text": "one"}], 1)
    usual = read_unlabelled(written(tmp_path / "usual.jsonl", {"review": "two"}), REVIEWS, columns)
    assert [dict(row.fields) for row in usual.rows] == [{"text": "two"}]
    csv = tmp_path / "new.csv"
    csv.write_text("text\nthree\n")
    assert read_unlabelled(csv, REVIEWS, columns).rows[0].fields["text"] == "three"


def test_a_field_of_the_prompt_is_read_too_and_must_be_there(tmp_path):
    titled = replace(REVIEWS, template=Template("", "{title}: {text}\nLabel:"))
    file = written(tmp_path / "new.jsonl", {"text": "one", "head": "H", "title": "T"})
    assert dict(read_unlabelled(file, titled, {}).rows[0].fields) == {"text": "one", "title": "T"}
    assert dict(read_unlabelled(file, titled, {"title": "head"}).rows[0].fields) == {"text": "one", "title": "H"}
    with pytest.raises(ValueError, match=r"bare.jsonl:1: .*placeholder \{title\}"):
        read_unlabelled(written(tmp_path / "bare.jsonl", {"text": "one"}), titled, {})


def test_a_pair_needs_both_texts(tmp_path):
    pair = replace(REVIEWS, kind="pair_classification", template=Template("", "{text_a}\n{text_b}\nLabel:"))
    found = read_unlabelled(written(tmp_path / "new.jsonl", {"premise": "one", "hypothesis": "two"}), pair, {})
    assert dict(found.rows[0].fields) == {"text_a": "one", "text_b": "two"}
    with pytest.raises(ValueError, match=r"half.jsonl:1: .*text_a \+ text_b"):
        read_unlabelled(written(tmp_path / "half.jsonl", {"premise": "one"}), pair, {})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", r"new.jsonl:2, column 2: not JSON"),
        ("[1]", r"new.jsonl:2: a row is a JSON object"),
        ('{"label": "pro"}', r"new.jsonl:2: .*text"),
        ('{"text": ["two"]}', r"new.jsonl:2: .*text"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, line, said):
    file = tmp_path / "new.jsonl"
    file.write_text(f'{{"text": "one"}}\n{line}\n')
    with pytest.raises(ValueError, match=said):
        read_unlabelled(file, REVIEWS, {})


def test_rows_of_held_out_splits_are_left_out_whatever_the_dataset():
    near = LONG.replace("one side", "two sides")  # 10 of 14 word pairs are shared: not near enough
    nearer = f"{LONG} again"  # 11 of 12 are
    unlabelled = rows(LONG.upper() + "!", nearer, near, "A text, of another dataset.", "Fine.", "a new one")
    found = sift(unlabelled, REVIEWS, [REVIEWS, OTHER], "drop")
    assert [row.fields["text"] for row in found.rows] == [near, "a new one"]
    assert (found.leaked, found.labelled, found.repeated) == (4, 0, 0)
    assert sift(unlabelled, REVIEWS, [REVIEWS, OTHER], "keep") == found
    with pytest.raises(ValueError, match=r"^4 unlabelled rows stand in dev or test rows, as '0' in dev of 'reviews'"):
        sift(unlabelled, REVIEWS, [REVIEWS, OTHER], "refuse")


def test_labelled_and_repeated_rows_are_left_out():
    found = sift(rows("It broke!", "new", "newer", "NEW"), REVIEWS, [REVIEWS, OTHER], "refuse")
    assert [row.fields["text"] for row in found.rows] == ["new", "newer"]
    assert (found.leaked, found.labelled, found.repeated) == (0, 1, 1)


def test_nothing_left_is_an_error():
    with pytest.raises(ValueError, match=r"None of the 2 unlabelled rows is left: 1 stand in .* 1 are train rows"):
        sift(rows(LONG, "it broke"), REVIEWS, [REVIEWS], "drop")
