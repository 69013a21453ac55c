"""Damaged and unusual data: each a named error with file and line, or no harm at all (faults 36 and 43)."""

import json
from pathlib import Path

import pytest
from handmade import WriteLines

from cotune.task import Split
from cotune.tasks import DatasetSpec, load_task, load_tasks

GOOD = [{"text": f"text {chr(97 + n)}", "label": "ab"[n % 2]} for n in range(12)]
NER = [{"tokens": ["x", chr(97 + n)], "tags": ["B-A", "O"]} for n in range(12)]


def load(path: Path, **entry: object) -> object:
    return load_task(DatasetSpec("x", path.name, **entry), path.parent)


LINES = [
    ("{", "a.jsonl:13, column 2: not JSON"),
    ('{"text": NaN, "label": "a"}', "a.jsonl:13: not JSON .NaN"),
    ("[1]", "a.jsonl:13: a row is a JSON object"),
    ('"text"', "a.jsonl:13: a row is a JSON object"),
    ('{"text": "\\ud800", "label": "a"}', "a.jsonl:13: an escaped half character"),
    ("[" * 100_000, "a.jsonl:13: not JSON"),
    ('{"text": "", "label": "a"}', "a.jsonl:13: column 'text' is empty"),
    ('{"text": "t", "label": null}', "a.jsonl:13: column 'label' is empty"),
    ('{"label": "a"}', "a.jsonl:13: column 'text' is empty"),
    ('{"text": ["t"], "label": "a"}', "a.jsonl:13: column 'text' is text; found list"),
]


@pytest.mark.parametrize(("line", "message"), LINES)
def test_a_wrong_line_is_named(write_lines: WriteLines, line: str, message: str) -> None:
    path = write_lines("a.jsonl", GOOD)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=f"Dataset 'x': .*{message}"):
        load(path)


NER_ROWS = [
    ({"tokens": ["x"], "tags": ["B-A", "O"]}, "as many tags as tokens; found 1 tokens and 2 tags"),
    ({"tokens": ["x"], "tags": ["A"]}, "a tag is 'O', or 'B-' or 'I-' before a type; found 'A'"),
    ({"tokens": ["x"], "tags": [3]}, "numbers stand for names"),
    ({"tokens": [], "tags": []}, "column 'tokens' is empty"),
    ({"tokens": "x", "tags": "O"}, "column 'tokens' is a list"),
]


@pytest.mark.parametrize(("row", "message"), NER_ROWS)
def test_wrong_tags_are_named(write_lines: WriteLines, row: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"a\.jsonl:13: .*{message}"):
        load(write_lines("a.jsonl", [*NER, row]))


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        (
            {"text": "ab", "spans": []},
            {"text": "ab", "spans": [{"start": 1, "end": 3, "type": "A"}]},
            "0 <= start < end",
        ),
        (
            {"text": "ab", "spans": []},
            {"text": "a b", "spans": [{"start": 1, "end": 2, "type": "A"}]},
            "more than spaces",
        ),
        ({"text": "ab", "spans": []}, {"text": "ab", "spans": [{"start": 0, "end": 1}]}, "column 'type' is empty"),
        ({"text": "ab", "spans": []}, {"text": "ab", "spans": [3]}, "list of objects"),
        (
            {"text": "ab", "relations": []},
            {"text": "ab", "relations": [{"head": "a", "type": "r", "tail": "z"}]},
            "'z' is not",
        ),
        ({"text": "ab", "events": []}, {"text": "ab", "events": [{"type": "E", "trigger": "z"}]}, "'z' is not"),
        ({"messages": [{"role": "user", "content": "u"}] * 2}, {"messages": []}, "a user turn and an assistant turn"),
    ],
)
def test_wrong_structures_are_named(write_lines: WriteLines, good: object, bad: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"a\.jsonl:\d: .*{message}"):
        load(write_lines("a.jsonl", [bad, good]))


def test_missing_and_empty_files(tmp_path: Path, write_lines: WriteLines) -> None:
    with pytest.raises(FileNotFoundError, match=r"Dataset 'x': .*nowhere\.jsonl: there is no such file"):
        load(tmp_path / "nowhere.jsonl")
    with pytest.raises(FileNotFoundError, match=r"no file matches"):
        load(tmp_path / "no*.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no files named by split, like train\.jsonl"):
        load(tmp_path / "folder")
    for text in ("", "\n\n", "\ufeff"):
        (tmp_path / "empty.jsonl").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"empty\.jsonl: the file has no rows"):
            load(tmp_path / "empty.jsonl")
    (tmp_path / "empty.csv").write_text("text,label\n")
    with pytest.raises(ValueError, match="has no rows"):
        load(tmp_path / "empty.csv")
    (tmp_path / "file.xlsx").write_text("x")
    with pytest.raises(ValueError, match=r"a dataset file ends in one of .*; got '\.xlsx'"):
        load(tmp_path / "file.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no datasets\. A pool folder has one folder for each dataset"):
        load_tasks(tmp_path)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "set" / "train.jsonl").mkdir(parents=True)
    with pytest.raises(OSError, match=r"train\.jsonl: the file cannot be read .Is a directory"):
        load_task(DatasetSpec("x", "set", splits={"train": "train.jsonl"}), tmp_path)


def test_other_encodings_are_named_with_their_line(write_lines: WriteLines) -> None:
    path = write_lines("a.jsonl", GOOD)
    path.write_bytes(path.read_bytes() + '{"text": "café", "label": "a"}\n'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.jsonl:13: not UTF-8 \(byte 0xe9\). Save the file as UTF-8"):
        load(path)


def test_damaged_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nt,a\nt\n")
    with pytest.raises(ValueError, match=r"a\.csv:3: a row has a cell for each column of line 1; found 1 cells"):
        load(path)
    path.write_text('text,label\n"t,a\n')
    with pytest.raises(ValueError, match=r"a\.csv:2: not CSV"):
        load(path)
    path.write_text("text,text\nt,a\n")
    with pytest.raises(ValueError, match=r"a\.csv:1: columns have different names"):
        load(path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ValueError, match=r"a\.parquet: not a readable Parquet file"):
        load(tmp_path / "a.parquet")


def test_one_row_cannot_be_split(write_lines: WriteLines) -> None:
    with pytest.raises(ValueError, match=r"must be made from train, which has 1 rows in 1 groups"):
        load(write_lines("a.jsonl", GOOD[:1]))


def test_equal_rows_cannot_be_split(write_lines: WriteLines) -> None:
    with pytest.raises(ValueError, match="which has 50 rows in 1 groups of equal texts"):
        load(write_lines("a.jsonl", [{"text": f"Number {n}!", "label": "a"} for n in range(50)]))


def test_one_row_in_each_split_is_fine(write_lines: WriteLines) -> None:
    for split, row in zip(("train", "dev", "test"), GOOD, strict=False):
        path = write_lines(f"set/{split}.jsonl", [row])
    assert load(path.parent)


def test_unknown_labels_and_columns_are_named(write_lines: WriteLines) -> None:
    path = write_lines("a.jsonl", GOOD)
    with pytest.raises(ValueError, match=r"a\.jsonl:2: label 'b' is not listed in `labels`"):
        load(path, labels=("a", "bb"))
    with pytest.raises(ValueError, match=r"a\.jsonl:1: Column 'txt' is not in the data, .* Did you mean 'text'"):
        load(path, columns={"text": "txt"})
    with pytest.raises(ValueError, match=r"a\.jsonl:1: The columns \['text', 'label'\] fit no dataset of the kinds"):
        load(path, kind="ner")
    with pytest.raises(ValueError, match=r"Metric 'entity_f1' does not suit a classification task"):
        load(path, metric="entity_f1")
    with pytest.raises(ValueError, match=r"unknown placeholder \{txt\}.* Did you mean \{text\}"):
        load(path, template={"prompt": "{txt}"})
    with pytest.raises(ValueError, match="names at least one field"):
        load(path, template={"prompt": "Say something"})
    with pytest.raises(ValueError, match="for plain braces"):
        load(path, template={"prompt": "{text} {"})
    for prompt in ("{text.__class__}", "{text!r}", "{text:>9}", "{0}", "{}"):
        with pytest.raises(ValueError, match="unknown placeholder"):
            load(path, template={"prompt": prompt})


@pytest.mark.parametrize("part", [{"separator": "a"}, {"separator": " "}, {"separator": ""}, {"separator": ": "}])
def test_separators_that_look_like_text_are_refused(write_lines: WriteLines, part: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="separator is"):
        load(write_lines("a.jsonl", NER), template=part)


def test_a_dataset_without_anything_to_find(write_lines: WriteLines) -> None:
    path = write_lines("a.jsonl", [{"tokens": ["x", chr(97 + n)], "tags": ["O", "O"]} for n in range(12)])
    with pytest.raises(ValueError, match="no row has an entity and no `labels` are given"):
        load(path)
    assert load(path, labels=("A",))


def test_ids_that_repeat_are_replaced_and_said(write_lines: WriteLines, caplog: pytest.LogCaptureFixture) -> None:
    task = load(write_lines("a.jsonl", [{**row, "id": 7} for row in GOOD]))
    assert "does not name each row once ('7')" in caplog.text
    ids = [row.id for rows in task.rows.values() for row in rows]
    assert len(set(ids)) == 12


def test_made_splits_are_said(write_lines: WriteLines, caplog: pytest.LogCaptureFixture) -> None:
    load(write_lines("a.jsonl", GOOD))
    assert "Dataset 'x': made dev (1 rows) and test (1 rows) from its train rows, with seed 0." in caplog.text


def test_a_wrong_description_is_named(write_lines: WriteLines) -> None:
    path = write_lines("set/train.jsonl", GOOD).parent
    for about, message in (
        ("{", "not JSON"),
        ("[]", "a description is a JSON object"),
        (json.dumps({"task": "nre"}), "kind 'nre' is unknown; .* Did you mean 'ner'"),
        (json.dumps({"labels": "a"}), "'labels' is a list of texts"),
    ):
        (path / "dataset.json").write_text(about)
        with pytest.raises(ValueError, match=rf"dataset\.json.*: {message}"):
            load(path)


@pytest.mark.parametrize("path", ["a.jsonl", "*.jsonl"])
def test_splits_of_a_file_or_glob_are_refused(write_lines: WriteLines, path: str) -> None:
    folder = write_lines("a.jsonl", GOOD).parent
    with pytest.raises(ValueError, match=r"Dataset 'x': .*all of them train.*\['dev'\]. Let `path` be their folder"):
        load_task(DatasetSpec("x", path, splits={"dev": "a.jsonl"}), folder)


@pytest.mark.parametrize(
    "splits",
    [
        {"dev": "v.jsonl", "test": "./v.jsonl"},
        {"dev": "v.jsonl", "test": "link.jsonl"},
        {"train": "v*", "dev": "v.jsonl"},
    ],
)
def test_one_file_for_two_splits_is_refused_however_it_is_named(
    write_lines: WriteLines, splits: dict[Split, str]
) -> None:
    folder = write_lines("set/v.jsonl", GOOD).parent
    write_lines("set/train.jsonl", GOOD)
    (folder / "link.jsonl").symlink_to("v.jsonl")
    with pytest.raises(ValueError, match=r"Dataset 'x': .*jsonl: (test|dev) and (dev|train) are the same file, but"):
        load(folder, splits={"train": "train.jsonl"} | splits)
