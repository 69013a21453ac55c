"""Whether a curriculum suits the datasets of a study, before anything is loaded."""

from collections.abc import Sequence

from cotune.problem import check_names
from cotune.training.curriculum.choice import NONE, Curriculum, timetable
from cotune.training.curriculum.written import Stage


def check_curriculum(choice: Curriculum, names: Sequence[str], targets: Sequence[str]) -> None:
    """Refuses a curriculum that cannot work with the datasets `names` of a pool.

    Raises:
        ValueError: it names unknown datasets, needs more datasets or others than targets, or leaves one out for good.
    """
    table = timetable(choice)
    if table is None:
        return
    check_names(table.names, names, "train.curriculum")
    what = f"Curriculum {choice.name!r}" if choice.name != NONE else "A curriculum of stages"
    if "several" in table.needs and len(names) < 2:
        raise ValueError(
            f"{what} puts two or more datasets in order; the pool has {list(names)}. Add a dataset, or leave "
            "train.curriculum out."
        )
    if "auxiliaries" in table.needs:
        _check_auxiliaries(what, table.names, names, targets)
    _check_stages(choice.stages, names)


def _check_auxiliaries(what: str, chosen: Sequence[str], names: Sequence[str], targets: Sequence[str]) -> None:
    if set(names) <= set(targets):
        raise ValueError(
            f"{what} shows other datasets before the targets; all of {list(names)} are targets. Name fewer targets, or "
            "leave train.curriculum out."
        )
    both = sorted(set(chosen) & set(targets))
    if both:
        raise ValueError(f"{what} shows hints for the sake of the targets; {both} are targets. Name other datasets.")


def _check_stages(stages: Sequence[Stage], names: Sequence[str]) -> None:
    if not stages or any(not stage.datasets for stage in stages):
        return
    unseen = sorted(set(names) - {name for stage in stages for name in stage.datasets or ()})
    if unseen:
        raise ValueError(
            f"Every dataset of the pool is in a stage of train.curriculum; {unseen} are in none. Add them to one, or "
            "leave `datasets` out of a stage, which then has all."
        )
