"""Contestants: all balancers, mixings, curricula, mergers, size policies beside them, what is only measured against."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from benchmarks.balance.work import Work
from cotune.problem import check_names
from cotune.task import Task
from cotune.training import Balance, Budget, Curriculum, Merging, Mixing, SizePolicy
from cotune.training.balance.choice import EQUAL, PLACES
from cotune.training.curriculum import choice as curricula
from cotune.training.merge import choice as mergers
from cotune.training.mix.choice import MIXINGS
from cotune.training.setup import Setup

SINGLE = "single "
"""Begins the name of a training on one dataset alone."""
BASE = "base"
"""The model as it is."""
WEIGHTED = "weights "
"""Begins the name of a training under fixed weights, as `weights a=1 b=3`."""
TEMPERATURE = 2.0
REFERENCES = {"ama_r": "specialists", "ama_s": "specialists", "doremi": "proxy"}
"""What mixers compare losses with; its training is part of their cost, not of their tokens."""
LOOKED_AT = 16
"""Rows of each dataset that balancers and mixers look at."""
TURNS = 4
"""How often is merged where it is more than once."""


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
        yield Contestant(name, {"balancer": Balance(name, rows=LOOKED_AT)}, modules=(module,))


def mixings() -> Iterator[Contestant]:
    """Yields every mixer that has a name, with its own defaults; references as their papers have them."""
    for name, place in MIXINGS.items():
        mixing = Mixing(name, reference=REFERENCES.get(name), rows=LOOKED_AT)
        yield Contestant(name, {"mixing": mixing}, modules=(place.partition(":")[0],))


def orders() -> Iterator[Contestant]:
    """Yields every curriculum that has a name, with its own defaults."""
    for name, place in curricula.PLACES.items():
        module = f"cotune.training.curriculum.{place.partition(':')[0]}"
        yield Contestant(name, {"curriculum": Curriculum(name)}, modules=(module,))


def merged() -> Iterator[Contestant]:
    """Yields every merger that has a name, with its own defaults: once, and in turns of tuning and merging."""
    for name, place in mergers.PLACES.items():
        module = f"cotune.training.merge.{place.partition(':')[0]}"
        yield Contestant(name, {"merging": Merging(name)}, modules=(module,))
        yield Contestant(f"{name} in {TURNS} turns", {"merging": Merging(name, turns=TURNS)}, modules=(module,))


SOURCES: tuple[Callable[[], Iterable[Contestant]], ...] = (lambda: BASELINES, balancers, mixings, orders, merged)
"""Who takes part; what else changes how a mixture is trained joins by one function more, with fields of `Train`."""


def known() -> dict[str, Contestant]:
    """Gives all contestants by name."""
    return {contestant.name: contestant for source in SOURCES for contestant in source()}


def named(name: str) -> Contestant:
    """Gives the contestant with a name, one that is only measured against included.

    Raises:
        KeyError: there is none.
    """
    if name == BASE:
        return Contestant(name, only=())
    if name.startswith(SINGLE):
        return Contestant(name, only=(name.removeprefix(SINGLE),))
    if name.startswith(WEIGHTED):
        pairs = (part.partition("=") for part in name.removeprefix(WEIGHTED).split())
        return weighted({dataset: int(weight) for dataset, _, weight in pairs})
    return known()[name]


def weighted(weights: Mapping[str, int]) -> Contestant:
    """Gives the training under fixed weights of the datasets' losses."""
    name = WEIGHTED + " ".join(f"{dataset}={weight}" for dataset, weight in weights.items())
    return Contestant(name, {"weights": dict(weights)})


def chosen(names: Iterable[str] | None) -> list[Contestant]:
    """Gives the contestants with these names, all if there are none; the baselines are always among them.

    Raises:
        ValueError: there is no such contestant.
    """
    every = known()
    wanted = list(every) if names is None else [*(one.name for one in BASELINES), *names]
    check_names(wanted, list(every))
    return [every[name] for name in dict.fromkeys(wanted)]


def obstacle(contestant: Contestant, tasks: Iterable[Task], targets: Iterable[str], work: Work) -> str:
    """Gives why a contestant cannot train on a pool; empty if it can."""
    train = replace(work.train, **contestant.train)  # type: ignore[arg-type]
    budget = Budget(tokens=work.tokens)
    try:
        Setup(work.model, tuple(tasks), tuple(targets), budget, contestant.policy, work.lora, train, work.scoring, None)
    except ValueError as error:
        return str(error)
    return ""


def singles(names: Iterable[str]) -> list[Contestant]:
    """Gives the trainings on one dataset alone that scores are normalised by."""
    return [Contestant(SINGLE + name, only=(name,)) for name in names]
