"""Whether a balancer suits the datasets of a study, before anything is loaded; and the mixtures it is told of."""

from collections.abc import Mapping, Sequence

from cotune.problem import check_names
from cotune.task import Task
from cotune.training.balance.choice import Balance, made
from cotune.training.balance.contract import Tasks


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
    for value in choice.options.values():
        if isinstance(value, Mapping):
            check_names(value, names)
    if "auxiliaries" in balancer.needs and set(names) <= set(targets):
        raise ValueError(
            f"Balancer {choice.name!r} weighs datasets by what they do for the targets; all of {names} are targets. "
            "Name fewer targets, or leave train.balancer at 'equal'."
        )
    balancer.start(described(names, targets, {task.name: len(task.rows.get("train", ())) for task in tasks}))


def described(names: Sequence[str], targets: Sequence[str], rows: Mapping[str, int]) -> Tasks:
    """Gives what a balancer is told of the tasks `names`, in that order."""
    return Tasks(tuple(names), tuple(name in targets for name in names), tuple(rows[name] for name in names))
