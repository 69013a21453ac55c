"""Contestants: the balancers that can be named, the size policies beside them, and what is only measured against."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cotune.problem import check_names
from cotune.task import Task
from cotune.training import Balance, SizePolicy
from cotune.training.balance.choice import EQUAL, PLACES
from cotune.training.balance.fitting import check_fit

SINGLE = "single "
"""Begins the name of a training on one dataset alone."""
BASE = "base"
"""The model as it is."""
TEMPERATURE = 2.0


@dataclass(frozen=True)
class Contestant:
    """A way to train on a pool: fields of `Train` that differ from the common ones, a size policy, and what is mixed.

    `is_by_rows` gives every dataset the same number of rows in place of the same number of tokens; `only` names what is
    trained on where that is not the whole pool. `modules` are where its own code begins.
    """

    name: str
    train: Mapping[str, object] = field(default_factory=dict)
    policy: SizePolicy = field(default_factory=SizePolicy)
    is_by_rows: bool = False
    only: tuple[str, ...] | None = None
    modules: tuple[str, ...] = ()


BASELINES = (
    Contestant(EQUAL),
    Contestant("uniform", is_by_rows=True),
    Contestant("proportional", policy=SizePolicy("proportional")),
    Contestant("temperature", policy=SizePolicy("temperature", TEMPERATURE)),
)


def balancers() -> Iterator[Contestant]:
    """Yields every balancer that has a name, with its own defaults."""
    for name, place in PLACES.items():
        module = f"cotune.training.balance.{place.partition(':')[0]}"
        yield Contestant(name, {"balancer": Balance(name)}, modules=(module,))


SOURCES: tuple[Callable[[], Iterable[Contestant]], ...] = (lambda: BASELINES, balancers)
"""Who takes part; what changes the plan or the shares joins by one function more, which gives fields of `Train`."""


def known() -> dict[str, Contestant]:
    """Gives all contestants by name."""
    return {contestant.name: contestant for source in SOURCES for contestant in source()}


def chosen(names: Iterable[str] | None) -> list[Contestant]:
    """Gives the contestants with these names, all if there are none; the baselines are always among them.

    Raises:
        ValueError: there is no such contestant.
    """
    every = known()
    wanted = list(every) if names is None else [*(one.name for one in BASELINES), *names]
    check_names(wanted, list(every))
    return [every[name] for name in dict.fromkeys(wanted)]


def obstacle(contestant: Contestant, tasks: Iterable[Task], targets: Iterable[str]) -> str:
    """Gives why a contestant cannot train on a pool; empty if it can."""
    balance = contestant.train.get("balancer", Balance())
    try:
        check_fit(balance, tuple(tasks), tuple(targets))  # type: ignore[arg-type]
    except ValueError as error:
        return str(error)
    return ""


def singles(names: Iterable[str]) -> list[Contestant]:
    """Gives the trainings on one dataset alone that scores are normalised by."""
    return [Contestant(SINGLE + name, only=(name,)) for name in names]
