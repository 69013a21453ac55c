import pytest

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.task import Task
from cotune.verdict.wording import datasets_of, title

NAMES = [f"dataset_{number:02d}" for number in range(60)]
PROBLEM = Problem([Task(name) for name in NAMES], ["dataset_00"])


@pytest.mark.parametrize("size", [*range(0, 61, 3), 58, 59])
def test_a_mixture_of_many_datasets_is_named_in_the_room_there_is(size: int) -> None:
    for room in (60, 100, 240):
        name = datasets_of(PROBLEM, Mixture.of(NAMES[:size]), room=room)
        assert len(name) <= room + len(" + 60 more")


def test_datasets_are_named_in_full_by_what_is_missing_or_by_the_first() -> None:
    def named(names: list[str]) -> str:
        return datasets_of(PROBLEM, Mixture.of(names), room=60)

    assert named(NAMES[:3]) == "dataset_00 + dataset_01 + dataset_02"
    assert named(NAMES[:9]) == "dataset_00 + dataset_01 + dataset_02 + dataset_03 + 5 more"
    assert named(NAMES[2:]) == "all datasets but dataset_00, dataset_01"
    assert named(NAMES) == "all datasets"
    assert datasets_of(PROBLEM, BASE, room=60) == "base model"
    assert datasets_of(PROBLEM, Mixture.of(dict.fromkeys(NAMES, 1) | {"dataset_00": 2}), room=30) == (
        "2 dataset_00 + dataset_01 + 58 more"
    )


def test_an_anchor_keeps_its_label() -> None:
    assert title(PROBLEM, Mixture.of(["dataset_00"])) == "target only (dataset_00)"
    assert title(PROBLEM, Mixture.of(NAMES)) == "all datasets"
    assert title(PROBLEM, Mixture.of(NAMES[1:])) == "all datasets but dataset_00"


def test_a_mixture_with_a_dataset_that_is_gone_is_not_named_by_what_is_missing() -> None:
    smaller = Problem([Task(name) for name in NAMES[:59]], ["dataset_00"])
    assert datasets_of(smaller, Mixture.of(NAMES), room=60).startswith("dataset_00 + dataset_01")
    assert title(smaller, Mixture.of(NAMES[:59])) == "all datasets"
