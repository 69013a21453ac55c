"""A study that is to keep the base model's score on a dataset scores it first, and never lets go of it."""

from pathlib import Path

import numpy as np
import pytest

from cotune import Mixture, Problem, Request, Task, each
from cotune.journal import JournalError
from cotune.mixture import BASE
from cotune.study import Study

POOL = [Task(name) for name in "abcdg"]
PROBLEM = Problem(POOL, ["a"], keep={"g": 0.03})


def measure(request: Request) -> dict[str, float]:
    """b helps most but costs g 0.1; c helps and costs nothing; d does nothing."""
    names = request.mixture.names
    rng = np.random.default_rng([request.seed, *map(ord, "".join(names))])
    score = 0.2 + 0.3 * ("b" in names) + 0.2 * ("c" in names) + rng.normal(0, 0.005)
    return {"a": score, "g": 0.6 - 0.1 * ("b" in names) + rng.normal(0, 0.005) * bool(names)}


def test_the_best_that_keeps_it_wins_and_it_is_said(tmp_path: Path) -> None:
    study = Study(tmp_path, PROBLEM)
    study.run(each(measure), trials=16)
    assert study.records()[0].request.mixture == BASE
    verdict = study.verdict()
    assert verdict.winner is not None
    assert "c" in verdict.winner.names
    assert "b" not in verdict.winner.names
    assert "It keeps g: " in verdict.sentence
    free = Study(tmp_path / "free", Problem(POOL, ["a"]))
    free.run(each(measure), trials=16)
    assert "b" in (free.verdict().winner or Mixture()).names


def test_a_search_long_enough_for_alarms_keeps_it_too(tmp_path: Path) -> None:
    wide = Problem([*POOL, Task("e"), Task("f")], ["a"], keep={"g": 0.03})
    study = Study(tmp_path, wide)
    study.run(each(measure), trials=26, confirm=1)
    assert study.stopped == "trials"
    assert "b" not in (study.verdict().winner or Mixture()).names


def test_without_the_base_model_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"keep compares \['g'\] with the untrained base model, which base=False"):
        Study(tmp_path, PROBLEM).run(each(measure), trials=8, base=False)
    assert Study(tmp_path, PROBLEM).records() == []


def test_a_base_model_that_is_not_scored_on_it_ends_the_study_at_once(tmp_path: Path) -> None:
    study = Study(tmp_path, PROBLEM)
    study.run(each(lambda request: {"a": 0.5}), trials=8)
    assert [record.request.mixture for record in study.records()] == [BASE]
    view = study.view()
    assert view is not None
    (end,) = view.logged("stopped")
    assert (end.payload["rule"], end.payload["message"]) == (
        "failures",
        "the base model, whose scores on ['g'] are to be kept, could not be scored: no score for 'g', which is to be "
        "kept (keep). Remove its cause, or leave keep out, and start afresh: delete the study's folder, or name "
        "another (name=NAME, --runs DIR)",
    )
    study.run(each(measure), trials=8)  # it was tried twice, and is not tried again
    assert len(study.records()) == 1


def test_patience_with_nothing_that_keeps_it_says_so(tmp_path: Path) -> None:
    study = Study(tmp_path, PROBLEM)
    lost = each(lambda request: measure(request) | ({"g": 0.1} if len(request.mixture) else {}))
    study.run(lost, trials=24, patience=3, confirm=0)
    view = study.view()
    assert view is not None
    assert view.logged("stopped")[-1].payload["message"] == (
        "no value that counts in the last 3 fine-tunings of the search: each failed or lost what is to be kept"
    )


def test_what_is_kept_is_part_of_what_a_study_is_for(tmp_path: Path) -> None:
    Study(tmp_path, Problem(POOL, ["a"])).run(each(measure), trials=4)
    with pytest.raises(JournalError, match="objective"):
        Study(tmp_path, PROBLEM).run(each(measure), trials=4)
