"""Cross-validation: each row of a target is scored once, by a model that has not seen its group."""

import pytest

from cotune import Mixture, Problem, Task, each
from cotune.study import EvaluateError, cross_validate
from cotune.task import Row
from cotune.tasks.grouping import group_rows


def word(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in f"{number:03}")


def row(number: int, group: str = "") -> Row:
    return Row(str(number), {"text": " ".join(word(number * 6 + place) for place in range(6))}, "x", group)


def task(name: str, numbers: range, *, groups: int = 0) -> Task:
    rows = [row(number, f"g{number % groups}" if groups else "") for number in numbers]
    return Task(name, "classification", {"train": tuple(rows[2:]), "dev": tuple(rows[:2])}, metric="accuracy")


POOL = [task("a", range(24), groups=8), task("b", range(100, 112)), task("c", range(20, 40))]


class Watch:
    """Keeps the tasks of every fold; the score is the share of a target's rows that are in its fold."""

    def __init__(self):
        self.folds = []

    def __call__(self, tasks):
        self.folds.append({task.name: task for task in tasks})
        return each(lambda request: {name: len(self.folds[-1][name].rows["dev"]) / 24 for name in ("a", "b")})


def test_every_row_is_scored_once_and_no_group_or_leak_is_trained_on():
    watch = Watch()
    found = cross_validate(Problem(POOL, targets=["a", "b"]), Mixture.of("abc"), watch, k=4)
    scored = [row for fold in watch.folds for row in fold["a"].rows["dev"]]
    assert sorted(row.id for row in scored) == sorted(map(str, range(24)))
    for fold in watch.folds:
        dev = {row.group for row in fold["a"].rows["dev"]}
        assert not dev & set(group_rows(fold["a"].rows["train"]))
        texts = {row.fields["text"] for name in "ab" for row in fold[name].rows["dev"]}
        assert not texts & {row.fields["text"] for task in fold.values() for row in task.rows["train"]}
        assert fold["c"].rows["dev"] == POOL[2].rows["dev"]
    assert set(found) == {"a", "b"}
    assert found["a"].scores == (0.25, 0.25, 0.25, 0.25)


def test_mean_and_variance_are_those_of_the_folds():
    scores = iter([0.2, 0.4, 0.9])
    found = cross_validate(
        Problem(POOL, targets=["a"]), Mixture.of("a"), lambda _: each(lambda _: {"a": next(scores)}), k=3
    )
    assert found["a"].scores == (0.2, 0.4, 0.9)
    assert found["a"].mean == pytest.approx(0.5)
    assert found["a"].variance == pytest.approx(0.13)


def test_the_seed_decides_folds_and_fine_tunings():
    seeds, folds = [], []
    for seed in (0, 0, 2):
        watch = Watch()
        problem = Problem(POOL, targets=["a"])
        cross_validate(
            problem, Mixture.of("a"), lambda tasks, watch=watch: watched(watch(tasks), seeds), k=2, seed=seed
        )
        folds.append([fold["a"].fingerprint for fold in watch.folds])
    assert seeds == [0, 0, 0, 0, 2, 2]
    assert folds[0] == folds[1] != folds[2]


def watched(evaluate, seeds):
    def run(requests):
        seeds.extend(request.seed for request in requests)
        return evaluate(requests)

    return run


def test_mistakes_are_told_with_the_fold():
    problem = Problem(POOL, targets=["a"])
    with pytest.raises(ValueError, match="Unknown datasets"):
        cross_validate(problem, Mixture.of("aq"), Watch())
    with pytest.raises(ValueError, match="folds are 2 to that many, got 1"):
        cross_validate(problem, Mixture.of("a"), Watch(), k=1)
    with pytest.raises(EvaluateError, match="fold 1 of 5: ZeroDivisionError"):
        cross_validate(problem, Mixture.of("a"), lambda tasks: each(lambda request: 1 / 0))
