"""Whether a balancer suits the datasets of a study, before anything is loaded; and the mixtures it is told of."""

from collections.abc import Collection, Mapping, Sequence

from cotune.problem import check_names
from cotune.task import Task
from cotune.training.balance.choice import Balance, made
from cotune.training.balance.contract import HELD, Need, Tasks
from cotune.training.balance.held import check_enough
from cotune.training.loss.fitting import HAVING_LABELS, confidences_of


def check_fit(choice: Balance, tasks: Sequence[Task], targets: Sequence[str]) -> None:
    """Refuses a balancer that cannot work with the datasets of a pool.

    Raises:
        ValueError: there is one dataset only, an option names another, or the balancer refuses them.
    """
    balancer = made(choice)
    if not choice.is_on:
        return
    names = [task.name for task in tasks]
    if len(names) < 2:
        raise ValueError(
            f"Balancer {choice.name!r} weighs two or more datasets against each other; the pool has {names}. Add a "
            "dataset, or leave train.balancer at 'equal'."
        )
    if balancer is None:
        return
    for option, value in choice.options.items():
        if isinstance(value, Mapping):
            check_names(value, names, f"train.balancer.options.{option}")
    if "auxiliaries" in balancer.needs and set(names) <= set(targets):
        raise ValueError(
            f"Balancer {choice.name!r} weighs datasets by what they do for the targets; all of {names} are targets. "
            "Name fewer targets, or leave train.balancer at 'equal'."
        )
    _check_rows(choice.name, balancer.needs, tasks, targets)
    mixture = described(names, targets, {task.name: len(task.rows.get("train", ())) for task in tasks})
    state = balancer.start(mixture)
    if "scaled" in balancer.needs and state["scaling"][0] > 0:
        auxiliary = [task for task, is_auxiliary in zip(tasks, mixture.auxiliary, strict=True) if is_auxiliary]
        _check_confidence(choice.name, auxiliary)


def described(names: Sequence[str], targets: Sequence[str], rows: Mapping[str, int]) -> Tasks:
    """Gives what a balancer is told of the tasks `names`, in that order."""
    return Tasks(tuple(names), tuple(name in targets for name in names), tuple(rows[name] for name in names))


def _check_confidence(name: str, tasks: Sequence[Task]) -> None:
    """Refuses to scale rows by a field that none of the auxiliary datasets has."""
    if not any(confidences_of(task) for task in tasks):
        raise ValueError(
            f"Balancer {name!r} scales inputs by the rows' confidence; none of {[task.name for task in tasks]} has it. "
            "Name its column under columns: {confidence: ...}, or use strategy 'output'."
        )


def _check_rows(name: str, needs: Collection[Need], tasks: Sequence[Task], targets: Sequence[str]) -> None:
    """Refuses a balancer that needs of rows what no dataset has, or more of them than each has."""
    if HELD.intersection(needs):
        check_enough(f"Balancer {name!r}", tasks)
    if "classes" in needs and not any(task.kind in HAVING_LABELS for task in tasks):
        raise ValueError(
            f"Balancer {name!r} weighs rows by their labels; none of {[task.name for task in tasks]} is a "
            "classification. Choose another balancer."
        )
    if "densities" in needs and not any(task.rows.get("train") for task in tasks if task.name in targets):
        raise ValueError(
            f"Balancer {name!r} compares rows with the targets' train rows; {sorted(targets)} have none. Add a train "
            "split, or choose another balancer."
        )
    for task in tasks if "confidences" in needs else ():
        confidences_of(task)  # refuses what is none
