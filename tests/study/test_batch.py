"""A batch holds what an evaluation runs side by side, as far as the search learns no less from it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from gains import essence, problem, run, score

from cotune import Mixture, Request, TaskResult, Trial
from cotune.journal import read_journal
from cotune.study import Study, reuse
from cotune.study.batch import MOST, batch_of
from cotune.study.plan import Plan
from cotune.trial import Proposal, side_by_side


class Wide:
    """An evaluation that runs `width` requests side by side, and notes how many it is handed."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.handed: list[int] = []

    def __call__(self, requests: Sequence[Request]) -> Iterable[Trial]:
        self.handed.append(len(requests))
        return [Trial(request, {"a": TaskResult(score(request))}) for request in requests]

    def settings(self) -> dict[str, object]:
        return {"budget": 7}

    def side_by_side(self) -> int:
        return self.width


def test_more_side_by_side_is_never_a_smaller_batch_and_never_more_than_runs_or_a_search_bears() -> None:
    found = [batch_of("auto", width) for width in range(1, 70)]
    assert found == sorted(found)
    assert all(size <= min(width, MOST) for width, size in enumerate(found, 1))
    assert [batch_of("widest", width) for width in (1, 64)] == [1, 64]
    assert [batch_of(7, width) for width in (1, 64)] == [7, 7]


@pytest.mark.parametrize(("width", "batch"), [(1, 1), (3, 2), (64, 4)])
def test_a_study_hands_over_what_runs_side_by_side(tmp_path: Path, width: int, batch: int) -> None:
    evaluate = Wide(width)
    run(tmp_path / "auto", evaluate, trials=20)
    assert max(evaluate.handed) == batch
    assert read_journal(tmp_path / "auto").logged("run")[0].payload["plan"]["batch"] == batch  # type: ignore[call-overload,index]
    run(tmp_path / "said", Wide(1), trials=20, batch=batch)
    assert essence(tmp_path / "auto") == essence(tmp_path / "said")


def test_what_may_be_stopped_early_goes_one_by_one(tmp_path: Path) -> None:
    evaluate = Wide(64)
    run(tmp_path, evaluate, trials=12, early_stopping="auto")
    assert set(evaluate.handed) == {1}
    assert Plan(batch=4, early_stopping="auto").sized(64).at_once == 4  # said is said


def test_a_study_goes_on_on_a_machine_with_another_width(tmp_path: Path) -> None:
    run(tmp_path, Wide(64), trials=10)
    before = essence(tmp_path)
    narrow = Wide(1)
    study = run(tmp_path, narrow, trials=16)
    assert essence(tmp_path)[: len(before)] == before
    assert set(narrow.handed) == {1}
    assert len(study.records()) > len(before)


def test_given_requests_are_handed_over_all_together(tmp_path: Path) -> None:
    evaluate = Wide(64)
    wanted = [Proposal(Request(Mixture.of(names)), "asked for") for names in ("a", "ab", "ac", "abc", "ad", "ae")]
    Study(tmp_path, problem()).repeat(evaluate, wanted)
    assert evaluate.handed == [6]


def test_what_stands_before_an_evaluation_passes_its_width_on() -> None:
    assert side_by_side(reuse(Wide(5), [], [])) == 5
    assert side_by_side(reuse(lambda requests: [], [], [])) == 1
