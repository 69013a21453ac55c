"""Text sets from wheels: readers on small files, splits that share nothing, and the real sets."""

import gzip
import json
import random
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune.tasks.wheel_readers import (
    Item,
    first_sentences,
    key,
    read_articles,
    read_drug_reviews,
    read_messages,
    read_question_details,
    read_questions,
    read_ratings,
    tidy,
)
from cotune.tasks.wheels import WHEEL_SETS, clean, dataset_folder, split

WORDS = st.lists(st.sampled_from(["good", "Bad", "film.", "no!", "why?", "3"]), min_size=1, max_size=40)


def test_ratings_become_labels_and_documents_groups(tmp_path: Path) -> None:
    rows = "id,sentiment,text\n1_1,0.5,fine &amp;amp; good\n1_2,-0.49,so so\n2_1,-3,awful\n"
    (tmp_path / "file.csv.gz").write_bytes(gzip.compress(rows.encode()))
    assert list(read_ratings(tmp_path / "file.csv.gz")) == [
        Item("1_1", "fine & good", "positive", "1"),
        Item("2_1", "awful", "negative", "2"),
    ]


def test_messages_that_differ_in_digits_are_one_group(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text(
        ',spam,text\n0,1,"Call 123 now, ok"\n1,1,Call 456 now ok!\n2,0,Hi\n', encoding="utf-8"
    )
    first, second, third = read_messages(tmp_path / "file.csv")
    assert first.group == second.group != third.group
    assert [item.label for item in (first, second, third)] == ["spam", "spam", "ham"]


def test_the_two_sets_of_questions_share_none(tmp_path: Path) -> None:
    questions = [f"When was number {number} ?" for number in range(40)]
    lines = "".join(f"NUM:date {question}\nHUM:title {question}\n\n" for question in questions)
    (tmp_path / "file.txt").write_text(lines, encoding="utf-8")
    coarse, fine = list(read_questions(tmp_path / "file.txt")), list(read_question_details(tmp_path / "file.txt"))
    assert {item.label for item in coarse} == {"number", "human"}
    assert {item.label for item in fine} == {"number date"}, "a kind with few questions is left out"
    assert sorted({item.text for item in coarse} | {item.text for item in fine}) == sorted(questions)
    assert not {item.text for item in coarse} & {item.text for item in fine}


def test_articles_and_drug_reviews_are_read(tmp_path: Path) -> None:
    (tmp_path / "sports").mkdir()
    (tmp_path / "sports" / "001.txt").write_bytes("Cup won\n\nCaf\xe9 side won.\n\n".encode("cp1252") + b"word " * 60)
    assert list(read_articles(tmp_path)) == [Item("sports-001", "Cup won. Café side won.", "sports", "cupwon")]
    header = "\tdrugName\tcondition\treview\trating\n"
    with ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr(
            "drugsComTrain.tsv", header + '5\tA\tB\t"""It&#039;s good."""\tpositive\n6\tA\tB\tmeh\tneutral\n'
        )
        archive.writestr("drugsComTest.tsv", header + "7\tA\tB\tBad one.\tnegative\n")
    assert [(item.id, item.text, item.label) for item in read_drug_reviews(tmp_path / "d.zip")] == [
        ("5", "It's good.", "positive"),
        ("7", "Bad one.", "negative"),
    ]


def test_tidy_repairs_mangled_punctuation() -> None:
    assert tidy("that\x92s &lt;#&gt;\u200b  all\n") == "that’s <#> all"


@given(WORDS, st.integers(1, 30))
def test_first_sentences_are_a_beginning_within_the_bound(words: list[str], bound: int) -> None:
    kept = first_sentences(" ".join(words), bound).split()
    assert kept == words[: len(kept)]
    assert 1 <= len(kept) <= bound
    if len(kept) < len(words) and len(kept) < bound:
        assert kept[-1][-1] in ".!?", "only whole sentences, unless the first is too long"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10), st.booleans()), max_size=60), st.randoms())
def test_splits_share_neither_texts_nor_groups_in_any_order(
    rows: list[tuple[int, int, bool]], rng: random.Random
) -> None:
    items = [
        Item(str(i), f"text number {text}!", str(label), f"g{group}") for i, (text, group, label) in enumerate(rows)
    ]
    kept, dropped = clean(items)
    assert len({key(item.text) for item in kept}) == len(kept) == len(items) - sum(dropped.values())
    splits = split(kept)
    shuffled = rng.sample(kept, len(kept))
    assert split(shuffled) == splits
    groups = [{item.group for item in part} for part in splits.values()]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert sorted(item for part in splits.values() for item in part) == sorted(kept)


def test_equal_texts_with_different_labels_are_dropped() -> None:
    kept, dropped = clean([Item("1", "a b c", "x", ""), Item("2", "A, b c!", "y", ""), Item("3", "d e f", "x", "")])
    assert [item.id for item in kept] == ["3"]
    assert dropped == {"equal text with different labels": 2}


def test_an_unknown_set_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"Unknown set 'wheel:movie'.*Did you mean 'wheel:movies'"):
        dataset_folder("movie")


@pytest.mark.slow
@pytest.mark.parametrize("name", WHEEL_SETS)
def test_real_sets_are_clean_and_leak_free(name: str) -> None:
    folder = dataset_folder(name)
    card = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    texts: list[str] = []
    for part, most in (("train", 2000), ("dev", 400), ("test", 400)):
        rows = [json.loads(line) for line in (folder / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()]
        assert card["counts"][part] == len(rows) <= most
        assert len(rows) >= (500 if part == "train" else 100)
        assert {row["label"] for row in rows} == set(card["labels"])
        assert all(3 <= len(row["text"].split()) <= 60 for row in rows)
        texts += [key(row["text"]) for row in rows]
    assert len(texts) == len(set(texts))
    assert card["license"]
    assert card["credit"]
