from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from cotune import Mixture, Problem, Task
from cotune.search import features
from cotune.search.features import effective_size
from cotune.task import Row


class NoTest(Mapping):
    """Splits whose test rows may not be touched."""

    def __init__(self, train: list[Row]) -> None:
        self.train = train

    def __getitem__(self, split: str) -> list[Row]:
        if split == "test":
            raise AssertionError("test rows were read")
        if split != "train":
            raise KeyError(split)
        return self.train

    def __iter__(self) -> Iterator[str]:
        yield from ("train", "test")

    def __len__(self) -> int:
        return 2


def task(name: str, *texts: str, kind: str = "classification") -> Task:
    rows = [Row(str(index), {"input": text}, "yes") for index, text in enumerate(texts)]
    return Task(name, kind=kind, rows=NoTest(rows), labels=("yes", "no"))


@pytest.fixture
def problem() -> Problem:
    tasks = [task("a", "the heart", "the liver"), task("b", "a heart attack"), task("c", "stock prices fell")]
    return Problem(tasks, targets=["a"])


def column(problem: Problem, mixture: Mixture, name: str) -> float:
    names, values = features(problem, [mixture])
    return float(values[0, names.index(name)])


def test_columns_are_named_once_and_finite_and_test_rows_are_never_read(problem):
    names, values = features(problem, problem.mixtures())
    assert len(set(names)) == len(names) == values.shape[1]
    assert np.isfinite(values).all()


def test_the_order_of_a_subset_does_not_matter(problem):
    forward, backward = (features(problem, [Mixture.of(order)])[1] for order in (["a", "b", "c"], ["c", "b", "a"]))
    assert np.array_equal(forward, backward)


def test_a_dataset_like_the_target_is_nearer_than_another(problem):
    near, far = (column(problem, Mixture.of(["a", name]), "best:word_similarity") for name in "bc")
    assert 1 > near > far == 0
    assert column(problem, Mixture.of(["a"]), "mean:word_similarity") == pytest.approx(1)


def test_without_rows_only_the_names_count():
    problem = Problem([Task("a"), Task("b")], targets=["a"])
    names, values = features(problem, [Mixture.of(["a"]), Mixture.of(["a", "b"])])
    assert names == ("parts:a", "parts:b", "size", "size:inverse", "size:log")
    np.testing.assert_allclose(values, [[1, 0, 0.5, 2, np.log(0.5)], [1, 1, 1, 1, 0]])


def test_the_size_of_unequal_parts_lies_between():
    assert effective_size(np.array([[1.0, 1, 0], [3, 1, 0]])) == pytest.approx([2, 1.6])
