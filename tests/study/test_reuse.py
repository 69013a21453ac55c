"""Equal trials of other studies are taken over and marked."""

from pathlib import Path

from gains import POOL, Tuned, problem, sampler

from cotune import Task
from cotune.study import Study, reuse


def test_other_studies_trials_are_reused_and_marked(tmp_path: Path) -> None:
    Study(tmp_path / "one", problem()).run(Tuned(7), sampler=sampler, trials=12)
    trained = Tuned(7)
    study = Study(tmp_path / "two", problem(), seed=1)
    study.run(reuse(trained, [tmp_path / "one", tmp_path / "none"], POOL), sampler=sampler, trials=12)
    one = {record.request: record.trial for record in Study(tmp_path / "one", problem()).records()}
    for record in study.records():
        assert record.trial is not None
        assert record.trial.source == ("one" if record.request in one else "")
        assert (record.request in one) != (record.request in trained.calls)
    assert sum(record.attempts for record in study.records() if len(record.request.mixture)) == 12
    for other, pool in ((Tuned(8), POOL), (Tuned(7), [*POOL, Task("f")])):
        Study(tmp_path / str(len(pool)) / str(other.tokens), problem()).run(
            reuse(other, [tmp_path / "one"], pool), sampler=sampler, trials=3
        )
        assert len(other.calls) == 4


def test_why_nothing_can_be_taken_from_a_study_is_told(tmp_path: Path) -> None:
    Study(tmp_path / "one", problem()).run(Tuned(7), sampler=sampler, trials=3)
    folders = [tmp_path / "one", tmp_path / "none"]
    assert reuse(Tuned(7), folders, POOL).obstacles() == {folders[1]: "there is no study in it"}
    assert reuse(Tuned(8), folders[:1], POOL).obstacles() == {folders[0]: "its trials were made with another budget"}
    (why,) = reuse(Tuned(7), folders[:1], [*POOL, Task("f")]).obstacles().values()
    assert why.startswith("it lacks ['f']")
