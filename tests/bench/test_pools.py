"""What can be searched: tables, studies, landscapes."""

import numpy as np
import pytest
from benchmarks.pools import SHIPPED, draw_pools, holds_shipped, open_pool

from cotune import Mixture, Problem, Request, Task, TaskResult, Trial, each
from cotune.study import Study
from cotune.testing import REGIMES


@pytest.fixture
def folder(tmp_path):
    """A study of three datasets; b's own score is known only where b was trained, c's never."""

    def measure(request: Request) -> Trial:
        score = 0.1 * len(request.mixture) + 0.01 * (request.seed > 0)
        results = {"a": TaskResult(score, loss=1 - score)}
        if "b" in request.mixture:
            results["b"] = TaskResult(score, loss=2.0)
        return Trial(request, results)

    study = Study(tmp_path / "study", Problem([Task(name, fingerprint=name) for name in "abc"], targets=["a"]))
    study.run(each(measure), trials=10)
    return tmp_path / "study"


def test_a_study_is_a_table_of_its_trials(folder):
    pool = open_pool(folder, "em")
    assert pool.table.names == ("a", "b", "c")
    values = pool.table.values("a")
    assert values.keys() <= set(Problem([Task(name) for name in "abc"], ["a"]).mixtures())
    assert values[Mixture.of("a")] > 0.1  # an anchor has several seeds, which are averaged
    assert list(pool.targets()) == [("a",), ("b",)]


def test_a_study_answers_with_what_was_measured(folder):
    table = open_pool(folder, "nll").table
    (trial,) = table.evaluate("a")([Request(Mixture.of("a"))])
    assert trial.results.keys() == {"a"}
    assert trial.results["a"].score == pytest.approx(table.values("a")[Mixture.of("a")])
    assert -1 < trial.results["a"].score < 0


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no study"):
        open_pool(tmp_path, "nll")


def test_a_table_with_nothing_to_find_is_named(tmp_path):
    np.savez(tmp_path / "one.npz", names=np.array(["a"]), mask=np.array([1]), nll=np.array([[1.0]]))
    with pytest.raises(ValueError, match="two or more runs"):
        open_pool(tmp_path / "one.npz", "nll")


def test_a_shipped_table_is_known_by_what_it_holds(folder):
    assert holds_shipped([open_pool(folder, "em"), open_pool(SHIPPED[1], "em")])
    assert not holds_shipped([open_pool(folder, "em"), *draw_pools(1, ("fixed",), 0, {"size": 4})])


def test_every_regime_is_drawn_as_the_knobs_say():
    pools = list(draw_pools(2, REGIMES, 0, {"size": 4}))
    assert [pool.name for pool in pools] == [f"{regime}-{number}" for number in range(2) for regime in REGIMES]
    assert {len(pool.table.names) for pool in pools} == {4}
    assert len({pool.mark for pool in pools}) == len(pools)
    (alone,) = draw_pools(1, ("harmful",), 0, {"size": 4})
    assert alone.mark == next(pool.mark for pool in pools if pool.name == "harmful-0")
