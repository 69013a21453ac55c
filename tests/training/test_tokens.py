"""Rows are tokenised once per content: a second process reads the same examples, whatever was written or damaged."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import tiny

from cotune.task import Row, Task, Template
from cotune.training import tokens
from cotune.training.encode import Encoder
from cotune.training.model import LanguageModel
from cotune.training.tokens import LEAST_ROWS, StoredEncoder

ROWS = [Row(str(index), {"input": "dog " * (index % 90)}, "cat fig " * (1 + index % 7)) for index in range(LEAST_ROWS)]
TASK = Task("t", "generation", {"train": ROWS}, template=Template("Repeat.", "{input}\nAnswer:"))


@pytest.fixture
def calls(monkeypatch):
    """Counts what is really tokenised."""
    counted = []
    real = Encoder._tokens
    monkeypatch.setattr(
        Encoder, "_tokens", lambda self, texts, **how: counted.append(len(texts)) or real(self, texts, **how)
    )
    return counted


def encoder(model, folder, style="auto"):
    return StoredEncoder(model, style=style, cache=folder)


def examples(model, folder, *, task=TASK, rows=ROWS, max_length=60, **how):
    return encoder(model, folder).examples(task, rows, max_length=max_length, **how)


@pytest.mark.parametrize("keep_all", [False, True])
@pytest.mark.parametrize("max_length", [24, 60, 400])
def test_a_second_process_reads_what_the_first_made(model, tmp_path, calls, max_length, keep_all):
    plain = Encoder(model.tokenizer).examples(TASK, ROWS, max_length=max_length, keep_all=keep_all)
    first = examples(model, tmp_path, max_length=max_length, keep_all=keep_all)
    lengths = encoder(model, tmp_path).answer_lengths(TASK, ROWS)
    calls.clear()
    assert examples(model, tmp_path, max_length=max_length, keep_all=keep_all) == first == plain
    assert encoder(model, tmp_path).answer_lengths(TASK, ROWS) == lengths
    assert lengths == [len(answer) for answer in (e.answer for e in examples(model, tmp_path, max_length=10_000))]
    assert sum(calls) == 2 * len(ROWS)  # only for the length that was new


def test_the_name_of_a_task_is_not_its_content(model, tmp_path, calls):
    first = examples(model, tmp_path)
    calls.clear()
    again = examples(model, tmp_path, task=replace(TASK, name="other"))
    assert again == [replace(example, task="other") for example in first]
    assert not calls


@pytest.mark.parametrize(
    "change",
    [
        {"task": replace(TASK, template=Template("Repeat it.", "{input}\nAnswer:"))},
        {"task": replace(TASK, template=Template("Repeat.", "{input} Answer:"))},
        {"rows": [*ROWS[1:], ROWS[0]]},
        {"rows": [replace(ROWS[0], fields={"input": "cow"}), *ROWS[1:]]},
        {"rows": [replace(ROWS[0], answer="cow"), *ROWS[1:]]},
        {"max_length": 61},
        {"keep_all": True},
    ],
)
def test_what_changes_tokens_is_made_anew(model, tmp_path, calls, change):
    examples(model, tmp_path)
    calls.clear()
    found = examples(model, tmp_path, **change)
    assert calls
    how = {"task": TASK, "rows": ROWS, "max_length": 60, **change}
    assert found == Encoder(model.tokenizer).examples(how.pop("task"), how.pop("rows"), **how)


def test_another_model_or_style_makes_its_own(model, tmp_path, calls):
    examples(model, tmp_path)
    calls.clear()
    examples(LanguageModel("llama", model.module, model.tokenizer, "0" * 64), tmp_path)
    assert calls
    chat = LanguageModel("llama", model.module, tiny.make_tokenizer(chat=True), "1" * 64)
    chats, plains = (encoder(chat, tmp_path, style).examples(TASK, ROWS, max_length=60) for style in ("chat", "plain"))
    assert chats != plains


def test_a_raised_version_makes_all_anew(model, tmp_path, calls, monkeypatch):
    examples(model, tmp_path)
    calls.clear()
    monkeypatch.setattr(tokens, "SCORES_VERSION", tokens.SCORES_VERSION + 1)
    examples(model, tmp_path)
    assert calls


@pytest.mark.parametrize("length", [0, 11, 200, None])
def test_a_damaged_or_removed_file_is_made_anew(model, tmp_path, length):
    first = examples(model, tmp_path)
    (path,) = tmp_path.glob("*/*.safetensors")
    path.write_bytes(path.read_bytes()[:length]) if length is not None else path.unlink()
    assert examples(model, tmp_path) == first


def test_a_writer_that_was_killed_leaves_nothing_that_is_read(model, tmp_path):
    first = examples(model, tmp_path)
    (path,) = tmp_path.glob("*/*.safetensors")
    half = path.parent / ".writing-killed" / "shard"  # as `Store.flush` leaves it when it is killed before the rename
    half.parent.mkdir()
    half.write_bytes(path.read_bytes()[:100])
    path.unlink()
    assert examples(model, tmp_path) == first


def test_files_of_tokens_leave_with_the_least_recently_used_of_the_trunk(model, tmp_path):
    from cotune.training.room import make_room

    examples(model, tmp_path)
    (path,) = tmp_path.glob("*/*.safetensors")
    os.utime(path, (time.time() - 7200,) * 2)
    assert make_room(tmp_path, 1, disk_bytes=path.stat().st_size, keep=set())
    assert not path.exists()


def test_few_rows_are_not_written(model, tmp_path):
    examples(model, tmp_path, rows=ROWS[:-1])
    assert list(Path(tmp_path).iterdir()) == []
