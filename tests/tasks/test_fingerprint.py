"""Fingerprints: equal for equal content, different after any change of it."""

from dataclasses import replace

from handmade import WriteLines

from cotune.task import Answer, Entity, Event, Relation, Row, Task, Template
from cotune.tasks import DatasetSpec, fingerprint, load_task


def task(answer: Answer = "x", **changes: object) -> Task:
    return replace(Task("t", "generation", {"train": [Row("1", {"input": "a"}, answer)]}), **changes)


def test_name_and_licence_do_not_count() -> None:
    assert fingerprint(task()) == fingerprint(
        task(name="other", licence="MIT", source="s", domain="d", fingerprint="f")
    )


def test_every_change_of_content_counts() -> None:
    row = Row("1", {"input": "a"}, "x")
    changes = [
        task(),
        task(kind="classification"),
        task(labels=("a",)),
        task(roles=("a",)),
        task(template=Template("Go.")),
        task(metric="rouge_l"),
        task(rows={"dev": [row]}),
        task(rows={"train": [row, row]}),
        *(task(rows={"train": [replace(row, **change)]}) for change in ({"id": "2"}, {"answer": "y"}, {"group": "g"})),
        task(rows={"train": [replace(row, fields={"input": "b"})]}),
        task(rows={"train": [replace(row, fields={"text": "a"})]}),
        task(rows={"train": [replace(row, messages=(("user", "a"),))]}),
        task((Entity("A", 0, 1),)),
        task((Entity("A", 0, 2),)),
        task((Relation("A", "0", "1"),)),
        task((Event("A", "0"),)),
        task((Event("A", "0", (("1", "2"),)),)),
    ]
    assert len({fingerprint(changed) for changed in changes}) == len(changes)


def test_it_is_stable() -> None:
    assert fingerprint(task()) == "29b6a36f631b41ce50ba8b4eedfd1e53d35a3f4ff60a91f73141b7e54fc22496"


def test_a_changed_file_changes_it(write_lines: WriteLines) -> None:
    rows = [{"text": f"text {letter}", "label": "ab"[n % 2]} for n, letter in enumerate("abcdefgh")]
    path = write_lines("a.jsonl", rows)
    before = load_task(DatasetSpec("a", "a.jsonl"), path.parent)
    assert load_task(DatasetSpec("b", "a.jsonl"), path.parent).fingerprint != ""
    assert load_task(DatasetSpec("a", "a.jsonl"), path.parent).fingerprint == before.fingerprint
    rows[3]["label"] = "a"
    write_lines("a.jsonl", rows)
    assert load_task(DatasetSpec("a", "a.jsonl"), path.parent).fingerprint != before.fingerprint
