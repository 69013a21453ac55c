"""Made splits and folds: groups stay whole, nothing is lost, the seed decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotune.task import Row, Task
from cotune.tasks import k_folds
from cotune.tasks.grouping import group_rows, letters
from cotune.tasks.splits import complete_splits

texts = st.text("abAB1 .", min_size=1, max_size=4)
groups = st.sampled_from(["", "g", "h"])
row_lists = st.lists(st.tuples(texts, groups), min_size=1, max_size=25).map(
    lambda pairs: [Row(str(n), {"text": text}, "x", group) for n, (text, group) in enumerate(pairs)]
)


@given(row_lists)
def test_groups_join_equal_texts_and_equal_columns(rows: list[Row]) -> None:
    found = group_rows(rows)
    for one, row in enumerate(rows):
        for two, other in enumerate(rows):
            same_text = letters(row.fields["text"]) == letters(other.fields["text"])
            if same_text or (row.group and row.group == other.group):
                assert found[one] == found[two]


def test_groups_follow_chains() -> None:
    rows = [Row("1", {"text": "A 1"}, "", "g"), Row("2", {"text": "a 2!"}, "", "h"), Row("3", {"text": "b"}, "", "h")]
    assert group_rows(rows) == ["g", "g", "g"]
    assert group_rows([Row("1", {"text": "1"}, ""), Row("2", {"text": "2"}, "")])[0] != "1"


@given(row_lists, st.integers(0, 3))
def test_made_splits_part_the_rows_by_group(rows: list[Row], seed: int) -> None:
    if len(set(group_rows(rows))) < 3:
        with pytest.raises(ValueError, match="groups"):
            complete_splits({"train": rows}, seed)
        return
    made = complete_splits({"train": rows}, seed)
    assert made == complete_splits({"train": rows}, seed)
    assert sorted(row.id for part in made.values() for row in part) == sorted(row.id for row in rows)
    parts = [{row.group for row in part} for part in made.values()]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_given_splits_stay() -> None:
    rows = [Row(str(n), {"text": letter}, "x") for n, letter in enumerate("abcdefghij")]
    made = complete_splits({"train": rows, "test": rows[:2]}, 0)
    assert made["test"] == tuple(rows[:2])
    assert len(made["dev"]) == 1
    assert complete_splits({"train": rows, "dev": rows, "test": rows}, 0)["train"] == tuple(rows)


def test_another_seed_gives_another_split() -> None:
    rows = [Row(str(n), {"text": f"{chr(97 + n % 26)}{chr(97 + n // 26)}"}, "x") for n in range(200)]
    made = [{row.id for row in complete_splits({"train": rows}, seed)["dev"]} for seed in range(3)]
    assert [len(ids) for ids in made] == [20, 20, 20]
    assert made[0] != made[1] != made[2]


@given(row_lists, st.integers(2, 4))
def test_folds_part_the_rows_by_group(rows: list[Row], k: int) -> None:
    task = Task("t", "classification", {"train": rows[1:], "dev": rows[:1], "test": (Row("x", {"text": "x"}, "x"),)})
    if len(set(group_rows(rows))) < k:
        with pytest.raises(ValueError, match="folds are 2 to"):
            k_folds(task, k, 0)
        return
    folds = k_folds(task, k, 0)
    assert len(folds) == k
    dev_ids = [row.id for fold in folds for row in fold.rows["dev"]]
    assert sorted(dev_ids) == sorted(row.id for row in rows)
    for fold in folds:
        assert fold.rows["dev"]
        assert len(fold.rows["train"]) + len(fold.rows["dev"]) == len(rows)
        assert not {row.group for row in fold.rows["train"]} & {row.group for row in fold.rows["dev"]}
        assert fold.rows["test"] == task.rows["test"]
    assert len({fold.fingerprint for fold in folds}) == k


def test_folds_are_nearly_equal() -> None:
    rows = [Row(str(n), {"text": f"{chr(97 + n % 26)}{chr(97 + n // 26)}"}, "x") for n in range(103)]
    sizes = sorted(len(fold.rows["dev"]) for fold in k_folds(Task("t", "classification", {"train": rows}), 5, 1))
    assert sizes == [20, 20, 21, 21, 21]


def test_a_fold_needs_two() -> None:
    with pytest.raises(ValueError, match="folds are 2 to that many, got 1"):
        k_folds(Task("t", rows={"train": [Row("1", {"input": "a"}, "x"), Row("2", {"input": "b"}, "x")]}), 1, 0)
