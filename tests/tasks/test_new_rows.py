"""New rows are read as those of a known task, with their answers or without."""

import json

import pytest

from cotune.task import Entity, Task, Template
from cotune.tasks.batch import read_batch

REVIEWS = Task("reviews", "classification", labels=("no", "yes"), template=Template("", "Text: {text}\nLabel:"))


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path, task, *rows, columns=None):
    return read_batch([written(path / "new.jsonl", *rows)], task, columns or {})


def test_answers_may_be_there_for_all_rows_some_or_none(tmp_path):
    some = read(tmp_path, REVIEWS, {"text": "a", "label": "yes"}, {"text": "b", "label": None}, {"text": "c"})
    assert some.answered == (True, False, False)
    assert [row.fields["text"] for row in some.rows] == ["a", "b", "c"]
    assert some.rows[0].answer == "yes"
    assert read(tmp_path, REVIEWS, {"text": "a"}).answered == (False,)
    assert read(tmp_path, REVIEWS, {"text": "a", "intent": "no"}).answered == (True,)


def test_an_empty_cell_is_no_answer(tmp_path):
    (tmp_path / "new.csv").write_text("text,label\na,yes\nb,\n")
    (tmp_path / "talk.csv").write_text("input,output\nhello,\nbye,ok\n")
    assert read_batch([tmp_path / "new.csv"], REVIEWS, {}).answered == (True, False)
    assert read_batch([tmp_path / "talk.csv"], Task("talk"), {}).answered == (False, True)


def test_several_files_are_one_batch(tmp_path):
    files = [written(tmp_path / f"{day}.jsonl", {"text": day}) for day in ("monday", "tuesday")]
    assert [row.fields["text"] for row in read_batch(files, REVIEWS, {}).rows] == ["monday", "tuesday"]


def test_columns_are_those_of_training_and_what_no_prompt_needs_may_be_missing(tmp_path):
    columns = {"text": "said", "label": "mood", "confidence": "agreed"}
    assert read(tmp_path, REVIEWS, {"said": "a", "mood": "no"}, columns=columns).answered == (True,)
    assert read(tmp_path, REVIEWS, {"said": "a"}, columns=columns).answered == (False,)
    titled = Task("reviews", "classification", labels=("no", "yes"), template=Template("", "{title}: {text}"))
    with pytest.raises(ValueError, match="Column 'head' is not in the data"):
        read(tmp_path, titled, {"text": "a"}, columns={"title": "head"})
    assert read(tmp_path, titled, {"text": "a", "head": "t"}, columns={"title": "head"}).rows[0].fields["title"] == "t"


@pytest.mark.parametrize(
    ("task", "row", "answer"),
    [
        (Task("a", "ner", labels=("Drug",)), {"text": "Aspirin."}, ()),
        (Task("a", "ner", labels=("Drug",)), {"tokens": ["Aspirin", "."]}, ()),
        (Task("a", "relation", labels=("treats",)), {"text": "Aspirin."}, ()),
        (Task("a", "event", labels=("Use",), roles=("Drug",)), {"text": "Aspirin."}, ()),
        (Task("a", "pair_classification", labels=("no", "yes")), {"premise": "a", "hypothesis": "b"}, "no"),
        (Task("a"), {"prompt": "Translate"}, ""),
        (Task("a"), {"prompt": [{"role": "user", "content": "Hi"}]}, ""),
        (Task("a"), {"instruction": "Add", "input": "1 1"}, ""),
        (Task("a"), {"question": "Why?", "context": "So."}, ""),
        (Task("a"), {"input": "Long"}, ""),
        (Task("a"), {"messages": [{"role": "user", "content": "Hi"}]}, ""),
        (Task("a"), {"conversations": [{"from": "human", "value": "Hi"}]}, ""),
    ],
)
def test_rows_of_every_kind_may_be_unanswered(tmp_path, task, row, answer):
    batch = read(tmp_path, task, row)
    assert batch.answered == (False,)
    assert batch.rows[0].answer == answer


@pytest.mark.parametrize(
    ("task", "row", "answer"),
    [
        (Task("a", "ner", labels=("Drug",)), {"tokens": ["Aspirin"], "tags": ["B-Drug"]}, (Entity("Drug", 0, 7),)),
        (Task("a", "ner", labels=("Drug",)), {"text": "Water.", "spans": []}, ()),
        (Task("a"), {"prompt": "a", "completion": "b"}, "b"),
        (Task("a"), {"question": "a", "answers": {"text": ["b"]}}, "b"),
        (Task("a"), {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "b"),
    ],
)
def test_an_answer_of_nothing_is_an_answer(tmp_path, task, row, answer):
    batch = read(tmp_path, task, row)
    assert batch.answered == (True,)
    assert batch.rows[0].answer == answer


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"text": "a", "label": "maybe"}, r"'reviews': .*new.jsonl:1: label 'maybe' is not listed"),
        ({"text": "", "label": "no"}, r"new.jsonl:1: column 'text' is empty"),
        ({"txt": "a"}, r"new.jsonl:1: The columns \['txt'\] fit no dataset"),
    ],
)
def test_what_breaks_a_rule_is_named_by_file_and_line(tmp_path, row, wrong):
    with pytest.raises(ValueError, match=wrong):
        read(tmp_path, REVIEWS, row)
