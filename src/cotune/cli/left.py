"""What is left of the trainings that a command asks for: which have ended, and about how long the others take."""

from collections.abc import Callable, Iterable

from cotune.cache import cache_root
from cotune.cli.console import duration
from cotune.cli.opening import Opened
from cotune.cli.screen import Screen
from cotune.cli.stages import Stages
from cotune.config import OwnEvaluation, evaluation
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.training import FineTune
from cotune.trial import Record, Request


def finished(records: Iterable[Record]) -> set[Request]:
    """Gives the requests that finished with their whole budget."""
    return {record.request for record in records if record.trial is not None and record.trial.is_full}


def seconds_left(
    opened: Opened, problem: Problem, left: int, *, typical: Callable[[FineTune], Mixture], quiet: bool
) -> float | None:
    """Gives about how long `left` trainings like the `typical` one take; trains a few examples for that.

    It is None for an evaluation of the user's own.
    """
    if not left:
        return 0.0
    factory = evaluation(opened.config, problem.tasks, folder=opened.base, cache=cache_root() / "trunk")
    if isinstance(factory, OwnEvaluation):
        return None
    with Screen(quiet=quiet) as screen:
        fine_tune = factory(Stages(screen, verb="measuring the time of").tell)
        one = fine_tune.estimate(Request(typical(fine_tune)), measure=True)
    return (one.seconds or 0.0) * left + (one.first_seconds or 0.0)


def left_words(left: int, seconds: float | None) -> str:
    """Gives in a sentence how many trainings are left and how long they take, where that is known."""
    time = f", about {duration(seconds)} on this machine, one after another" if seconds else ""
    return f"{left:,} trainings are left{time}. Nothing was trained."


def parse_seeds(text: str) -> tuple[int, ...]:
    """Reads seeds as 0,1,2.

    Raises:
        ValueError: they are not different whole numbers from 0 on.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise ValueError(f"--seeds takes different whole numbers from 0 on, as 0,1; got {text!r}.")
    return tuple(int(word) for word in words)
