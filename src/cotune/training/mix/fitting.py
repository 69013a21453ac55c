"""Whether a mixer suits the datasets of a study, before anything is loaded."""

from collections.abc import Mapping, Sequence

from cotune.problem import check_names
from cotune.task import Task
from cotune.training.balance.held import check_enough
from cotune.training.mix.choice import Mixing, made
from cotune.training.mix.contract import HELD


def check_fit(choice: Mixing, tasks: Sequence[Task], targets: Sequence[str]) -> None:
    """Refuses a mixer that cannot work with the datasets of a pool.

    Raises:
        ValueError: there is one dataset only, all are targets, too few rows, or reference losses are missing.
    """
    mixer, names = made(choice), [task.name for task in tasks]
    if mixer is None:
        return
    if len(names) < 2:
        raise ValueError(
            f"Mixing {choice.name!r} shares out tokens among two or more datasets; the pool has {names}. Add a "
            "dataset, or leave train.mixing at 'fixed'."
        )
    if "auxiliaries" in mixer.needs and set(names) <= set(targets):
        raise ValueError(
            f"Mixing {choice.name!r} judges datasets by what they do for the targets; all of {names} are targets. Name "
            "fewer targets, or leave train.mixing at 'fixed'."
        )
    if mixer.needs & HELD:
        check_enough(f"Mixing {choice.name!r}", tasks)
    if isinstance(choice.reference, Mapping):
        check_names(choice.reference, names, "train.mixing.reference")
        missing = [name for name in names if name not in choice.reference]
        if missing:
            raise ValueError(
                f"train.mixing.reference has a loss for each dataset of the pool; {missing} are missing. Add them, or "
                "set it to 'specialists'."
            )
