"""The leak check: OVERLAPS.md's counts exactly, planted near-duplicates, and nothing where nothing leaks."""

import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune.task import Row, Split, Task
from cotune.tasks import Leak, drop_leaks, find_leaks
from cotune.tasks.similar import similar_pairs


def expected_leaks(overlaps: str) -> Counter[tuple[str, str, Split]]:
    """Shared texts by (train set, other set, split), from the table of texts of five words or more."""
    table = overlaps.split("## Shared texts of five words or more")[1].split("##")[0]
    header, *rows = [re.findall(r"[^|]+", line) for line in table.splitlines() if line.startswith("|")]
    columns = [name.strip() for name in header]
    counts: Counter[tuple[str, str, Split]] = Counter()
    for row in rows[1:]:
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
        for split in ("dev", "test"):
            counts[cells["set A"], cells["set B"], split] += int(cells[f"train/{split}"])
            counts[cells["set B"], cells["set A"], split] += int(cells[f"{split}/train"])
    return +counts


@pytest.fixture(scope="module")
def shared_leaks(shared_tasks: tuple[Task, ...]) -> list[Leak]:
    return find_leaks(shared_tasks)


def test_exact_leaks_between_the_shared_sets_are_those_of_the_answer_key(
    shared_leaks: list[Leak], shared_data: Path
) -> None:
    exact = {
        (leak.train_task, leak.train_id, leak.other_task, leak.split)
        for leak in shared_leaks
        if leak.kind == "exact" and not leak.is_short
    }
    found = Counter((train, other, split) for train, _, other, split in exact)
    expected = expected_leaks((shared_data / "OVERLAPS.md").read_text(encoding="utf-8"))
    assert sum(expected.values()) == 6
    assert found == expected


def test_no_shared_text_leaks_exactly_inside_its_set(shared_leaks: list[Leak]) -> None:
    assert not [leak for leak in shared_leaks if leak.kind == "exact" and leak.train_task == leak.other_task]


def test_near_leaks_read_alike(shared_leaks: list[Leak], shared_tasks: tuple[Task, ...]) -> None:
    rows = {(task.name, row.id): row for task in shared_tasks for part in task.rows.values() for row in part}
    near = [leak for leak in shared_leaks if leak.kind == "near"]
    assert near
    for leak in near:
        one, two = rows[leak.train_task, leak.train_id], rows[leak.other_task, leak.other_id]
        best = max(plain_similarity(a, b) for a in one.fields.values() for b in two.fields.values())
        assert leak.similarity == pytest.approx(best)
        assert 0.8 <= best <= 1


def test_dropping_leaks_leaves_none(shared_leaks: list[Leak], shared_tasks: tuple[Task, ...]) -> None:
    cleaned = drop_leaks(shared_tasks, shared_leaks)
    involved = {name for leak in shared_leaks for name in (leak.train_task, leak.other_task)} - {
        "mts_dialog",
        "scicite",
    }
    assert not [leak for leak in find_leaks([t for t in cleaned if t.name in involved]) if not leak.is_short]
    dropped = {(leak.train_task, leak.train_id) for leak in shared_leaks if not leak.is_short}
    for before, after in zip(shared_tasks, cleaned, strict=True):
        lost = sum(name == before.name for name, _ in dropped)
        assert len(after.rows["train"]) == len(before.rows["train"]) - lost
        assert (after.fingerprint == before.fingerprint) == (lost == 0)
        assert after.rows["dev"] == before.rows["dev"]


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def plain_similarity(one: str, two: str) -> float:
    a, b = ({*pairwise(words)} for words in (words_of(one), words_of(two)))
    return len(a & b) / len(a | b) if a | b else 0.0


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=2, max_size=8), max_size=8),
    st.lists(st.lists(st.sampled_from("abcd"), min_size=2, max_size=8), max_size=8),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_the_join_finds_what_comparing_all_pairs_finds(
    left: list[list[str]], right: list[list[str]], least: float
) -> None:
    found = {(one, two): value for one, two, value in similar_pairs(left, right, least)}
    expected = {
        (i, j): value
        for i, one in enumerate(left)
        for j, two in enumerate(right)
        if (value := plain_similarity(" ".join(one), " ".join(two))) >= least
    }
    assert found == pytest.approx(expected)


def pool(train: list[str], held: list[str]) -> tuple[Task, Task]:
    own = [Row("own", {"text": "nothing in common with any other text"}, "x")]
    a = Task("a", "classification", {"train": [*own, *(Row(str(n), {"text": t}, "x") for n, t in enumerate(train))]})
    return a, Task("b", "classification", {"test": [Row(str(n), {"text": t}, "x") for n, t in enumerate(held)]})


def test_planted_near_duplicates_are_found() -> None:
    rng = random.Random(0)
    vocabulary = [f"w{number}" for number in range(500)]
    held = [" ".join(rng.choices(vocabulary, k=25)) for _ in range(200)]
    train = []
    for text in held:
        words = text.split()
        words[rng.randrange(25)] = "changed"
        train.append(" ".join(words).upper() + "!")
    others = [" ".join(rng.choices(vocabulary, k=25)) for _ in range(200)]
    tasks = pool(train + others, held)
    leaks = find_leaks(tasks)
    assert {(leak.train_id, leak.other_id) for leak in leaks} == {(str(n), str(n)) for n in range(200)}
    assert {leak.kind for leak in leaks} == {"near"}


def test_short_texts_are_told_apart_and_kept() -> None:
    tasks = pool(
        ["Materials and Methods", "a text of five words"], ["MATERIALS AND METHODS:", "A text, of five words."]
    )
    short, long = find_leaks(tasks)
    assert (short.is_short, short.words, long.is_short, long.similarity) == (True, 3, False, 1.0)
    assert [row.id for row in drop_leaks(tasks, [short, long])[0].rows["train"]] == ["own", "0"]
    assert [row.id for row in drop_leaks(tasks, [short, long], short=True)[0].rows["train"]] == ["own"]


def test_signs_alone_are_not_equal_texts() -> None:
    assert not find_leaks(pool(["?!", "..."], ["!!", "-"]))
    assert len(find_leaks(pool([":-)"], [":-)"]))) == 1


def test_a_dataset_that_leaks_whole_is_refused() -> None:
    text = "the very same text in both of them"
    rows = {"train": [Row("1", {"text": text}, "x")], "dev": [Row("2", {"text": text}, "x")]}
    task = Task("t", "classification", rows)
    with pytest.raises(ValueError, match="Dataset 't': all 1 train rows stand in dev or test rows"):
        drop_leaks([task], find_leaks([task]))


def test_either_text_of_a_pair_may_leak() -> None:
    text = "does the shared question leak here"
    pair = Task("p", "pair_classification", {"train": [Row("1", {"text_a": "a", "text_b": text}, "x")]})
    other = Task("o", "generation", {"dev": [Row("2", {"input": text + "?"}, "x")]})
    (leak,) = find_leaks([pair, other])
    assert leak == Leak("p", "1", "o", "dev", "2", "exact", 1.0, 6)


def test_chats_are_compared_as_a_whole() -> None:
    def chat(name: str, first: str, system: str) -> Row:
        turns = (("system", system), ("user", first), ("assistant", "Sure."), ("user", "please go on with it"))
        return Row(name, {"input": "please go on with it"}, "x", messages=turns)

    system = "You are a very helpful assistant that never says anything wrong and always says why"
    train = [
        chat("1", "tell me about cats and their paws", system),
        chat("2", "what is the sum of two and two", system),
    ]
    held = [
        chat("3", "tell me about cats and their paws", "Be brief."),
        chat("4", "why is the sky blue at noon", system),
    ]
    leaks = find_leaks([Task("t", rows={"train": train, "test": held})])
    assert [(leak.train_id, leak.other_id) for leak in leaks] == [("1", "3")]
