"""Loading: every source and row format gives the same task; nothing but an entry is needed for a new dataset."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from handmade import WriteLines

from cotune.task import Entity, Event, Relation, Task
from cotune.tasks import DatasetSpec, load_task, load_tasks, parse, render

ROWS = [{"id": str(n), "text": f"message {chr(97 + n)}, really", "label": ["ham", "spam"][n % 2]} for n in range(20)]


def content(task: Task) -> dict[str, list[tuple[str, object, object]]]:
    return {split: [(row.id, dict(row.fields), row.answer) for row in rows] for split, rows in task.rows.items()}


def test_formats_agree(tmp_path: Path, write_lines: WriteLines) -> None:
    from pyarrow import Table, parquet

    write_lines("a.jsonl", ROWS)
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    for suffix, delimiter in (("csv", ","), ("tsv", "\t")):
        with (tmp_path / f"a.{suffix}").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text", "label"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(ROWS)
    parquet.write_table(Table.from_pylist(ROWS), tmp_path / "a.parquet")
    (tmp_path / "bom.jsonl").write_bytes(
        b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(row).encode() for row in ROWS) + b"\r\n\r\n"
    )
    files = ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "bom.jsonl"]
    tasks = [load_task(DatasetSpec("a", name), tmp_path) for name in files]
    assert all(content(task) == content(tasks[0]) for task in tasks)
    assert len({task.fingerprint for task in tasks}) == 1
    assert tasks[0].kind == "classification"
    assert tasks[0].labels == ("ham", "spam")


def test_a_new_dataset_needs_an_entry_and_no_code(tmp_path: Path, write_lines: WriteLines) -> None:
    rows = [{"utterance": f"turn {word} on", "intent": "on"} for word in ("lamp", "fan", "radio", "heat", "pump")]
    rows += [{"utterance": f"turn {word} off", "intent": "off"} for word in ("lamp", "fan", "radio", "heat", "pump")]
    write_lines("sub/home.jsonl", rows)
    pool = tmp_path / "pool.yaml"
    pool.write_text(
        "datasets:\n"
        "  - name: home\n"
        "    path: sub/home.jsonl\n"
        "    columns: {text: utterance, label: intent}\n"
        "    prompt: '{text} ->'\n"
        "    metric: macro_f1\n"
        "    licence: CC0\n"
    )
    (task,) = load_tasks(pool)
    assert (task.name, task.kind, task.metric, task.licence) == ("home", "classification", "macro_f1", "CC0")
    assert {split: len(rows) for split, rows in task.rows.items()} == {"train": 8, "dev": 1, "test": 1}
    for row in task.rows["train"]:
        assert render(task, row).prompt == f"Label with one of: off, on.\n{row.fields['text']} ->"
        assert parse(task, row, render(task, row).completion) == (row.answer, False)


def read(write_lines: WriteLines, row: dict[str, object], **entry: object) -> Task:
    path = write_lines("x.jsonl", [row] * 2 + [{**row, "text": f"{row.get('text')} {n}"} for n in "abcdef"])
    write_lines("train.jsonl", [row])
    write_lines("dev.jsonl", [row])
    write_lines("test.jsonl", [longer(row)])
    return load_task(DatasetSpec("x", ".", **entry), path.parent)


def longer(row: dict[str, object]) -> dict[str, object]:
    """Gives the row with more text, since test holds no row of dev."""
    more = {"words": "too", "tokens": "too", "tags": "O", "ner_tags": "O"}
    long = {key: [*row[key], word] for key, word in more.items() if key in row}
    for key in ("text", "sentence", "premise", "instruction", "prompt", "input", "question"):
        if isinstance(row.get(key), str):
            long[key] = f"{row[key]} too"
    for key in ("messages", "conversations", "prompt"):
        if isinstance(row.get(key), list):
            long[key] = [*row[key][:2], *row[key][1:]]  # the user's first turn said twice
    return {**row, **long}


@pytest.mark.parametrize(
    ("row", "kind", "fields", "answer"),
    [
        (
            {"words": ["Ann", "Lee", "left"], "ner_tags": ["B-P", "I-P", "O"]},
            "ner",
            {"text": "Ann Lee left"},
            (Entity("P", 0, 7),),
        ),
        (
            {"tokens": ["a", "b", "c", "d"], "tags": ["I-P", "B-P", "I-Q", "S-x-y"]},
            "ner",
            {"text": "a b c d"},
            (Entity("P", 0, 1), Entity("P", 2, 3), Entity("Q", 4, 5), Entity("x-y", 6, 7)),
        ),
        (
            {"text": " Ann left.", "entities": [{"start": 0, "end": 4, "label": "P"}]},
            "ner",
            {"text": " Ann left."},
            (Entity("P", 1, 4),),
        ),
        ({"text": "Ann left", "spans": [[0, 3, "P"]]}, "ner", {"text": "Ann left"}, (Entity("P", 0, 3),)),
        (
            {"text": "a hit b", "relations": [{"head": "b", "type": "r", "tail": "a"}] * 2},
            "relation",
            {"text": "a hit b"},
            (Relation("r", "b", "a"),),
        ),
        (
            {"text": "a hit b", "events": [{"type": "E", "trigger": "hit", "arguments": [{"role": "R", "text": "b"}]}]},
            "event",
            {"text": "a hit b"},
            (Event("E", "hit", (("R", "b"),)),),
        ),
        ({"sentence": "good", "label": 1}, "classification", {"text": "good"}, "1"),
        (
            {"premise": "p", "hypothesis": "h", "label": "yes"},
            "pair_classification",
            {"text_a": "p", "text_b": "h"},
            "yes",
        ),
        ({"input": "i", "output": "o"}, "generation", {"input": "i"}, "o"),
        ({"prompt": "p", "completion": " c"}, "generation", {"input": "p"}, "c"),
        ({"instruction": "do", "input": "", "output": "o"}, "generation", {"input": "do"}, "o"),
        ({"instruction": "do", "input": "this", "output": "o"}, "generation", {"input": "do\nthis"}, "o"),
        ({"question": "q?", "context": "c", "answer": "a"}, "generation", {"input": "c\nq?"}, "a"),
        (
            {"question": "q?", "context": "c", "answers": {"text": ["a", "b"], "answer_start": [0, 1]}},
            "generation",
            {"input": "c\nq?"},
            "a",
        ),
    ],
)
def test_row_formats(
    write_lines: WriteLines, row: dict[str, object], kind: str, fields: dict[str, str], answer: object
) -> None:
    task = read(write_lines, row)
    assert task.kind == kind
    assert task.rows["train"][0].fields == fields
    assert task.rows["train"][0].answer == answer


TURNS = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
SHAREGPT = [{"from": "system", "value": "s"}, {"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [*TURNS, {"role": "user", "content": "more?"}]},
        {"conversations": SHAREGPT},
        {"prompt": TURNS[:2], "completion": TURNS[2:]},
    ],
)
def test_chats(write_lines: WriteLines, row: dict[str, object]) -> None:
    (chat,) = read(write_lines, row).rows["train"]
    assert (chat.messages, chat.answer, chat.fields) == ((("system", "s"), ("user", "u")), "a", {"input": "u"})


def test_prompts_of_others_are_left_alone(write_lines: WriteLines) -> None:
    task = read(write_lines, {"prompt": "2 + {2} =", "completion": " 4"})
    assert render(task, task.rows["dev"][0])[1:] == ("2 + {2} =", " 4")


def test_numbers_name_labels_where_labels_are_given(write_lines: WriteLines) -> None:
    assert read(write_lines, {"text": "good", "label": 1}, labels=("neg", "pos")).rows["dev"][0].answer == "pos"
    assert read(write_lines, {"text": "good", "label": "0"}, labels=("neg", "pos")).rows["dev"][0].answer == "neg"
    assert read(write_lines, {"text": "good", "label": 1}, labels=("0", "1")).rows["dev"][0].answer == "1"


def test_further_columns_are_fields_of_the_template(write_lines: WriteLines) -> None:
    task = read(
        write_lines,
        {"text": "hi", "label": "a", "who": "Ann"},
        columns={"speaker": "who"},
        template={"prompt": "{speaker}: {text} =>"},
    )
    assert render(task, task.rows["dev"][0]).prompt == "Label with one of: a.\nAnn: hi =>"


def test_splits_may_be_files_and_globs(tmp_path: Path, write_lines: WriteLines) -> None:
    for name, part in (("x-1.jsonl", ROWS[:6]), ("x-2.jsonl", ROWS[6:12]), ("y.jsonl", ROWS[12:])):
        write_lines(f"set/{name}", part)
    task = load_task(DatasetSpec("a", "set", splits={"train": "x-*.jsonl", "dev": "y.jsonl"}), tmp_path)
    assert sorted(row.id for row in [*task.rows["train"], *task.rows["test"]]) == sorted(row["id"] for row in ROWS[:12])
    assert [row.id for row in task.rows["dev"]] == [row["id"] for row in ROWS[12:]]
    whole = load_task(DatasetSpec("a", "set/*.jsonl"), tmp_path)
    assert sum(map(len, whole.rows.values())) == 20


def test_a_cap_keeps_a_seeded_sample(tmp_path: Path, write_lines: WriteLines) -> None:
    write_lines("a.jsonl", ROWS)
    kept = [load_task(DatasetSpec("a", "a.jsonl", max_train_rows=5), tmp_path) for _ in range(2)]
    assert len(kept[0].rows["train"]) == 5
    assert content(kept[0]) == content(kept[1])
    ids = [row.id for row in kept[0].rows["train"]]
    assert ids == sorted(ids, key=int)


def test_the_plain_format_carries_its_description(shared_tasks: tuple[Task, ...]) -> None:
    tasks = {task.name: task for task in shared_tasks}
    phee = tasks["phee"]
    assert (phee.kind, phee.licence, phee.domain, len(phee.roles)) == ("event", "MIT", "biomedical", 15)
    assert phee.source.startswith("https://github.com/ZhaoyueSun/PHEE @ 41489b0")
    assert {split: len(rows) for split, rows in phee.rows.items()} == {"train": 1300, "dev": 400, "test": 400}
    assert len({task.fingerprint for task in shared_tasks}) == len(shared_tasks)


def test_entities_agree_with_tags(shared_tasks: tuple[Task, ...], shared_data: Path) -> None:
    for task in (task for task in shared_tasks if task.kind == "ner"):
        lines = (shared_data / task.name / "dev.jsonl").read_text(encoding="utf-8").splitlines()
        for line, row in zip(lines, task.rows["dev"], strict=True):
            tags = json.loads(line)["tags"]
            assert len(row.answer) == sum(tag.startswith("B-") for tag in tags)


def test_loading_a_pool_imports_nothing_heavy(tmp_path: Path, write_lines: WriteLines) -> None:
    write_lines("home/train.jsonl", ROWS)
    code = (
        "import sys; from cotune.tasks import load_tasks; load_tasks(sys.argv[1]);"
        "heavy = {'torch', 'transformers', 'datasets', 'pyarrow', 'pandas', 'sklearn', 'rouge_score'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
