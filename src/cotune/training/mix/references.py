"""Reference losses: what examples cost under a specialist, a proxy, or the model as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cotune.mixture import Mixture
from cotune.training.balance.contract import Array
from cotune.training.example import Example
from cotune.training.lora import State
from cotune.training.mix.measure import Pool
from cotune.trial import Request


@dataclass(frozen=True)
class References:
    """The loss of each example by task and id; `tasks` has one loss for all examples of a task instead."""

    examples: Mapping[tuple[str, str], float] = field(default_factory=dict)
    tasks: Mapping[str, float] = field(default_factory=dict)

    def of(self, batch: Sequence[Example]) -> Array:
        """Gives the reference losses of a batch, [example]."""
        found = [
            self.tasks[example.task] if self.tasks else self.examples[example.task, example.id] for example in batch
        ]
        return np.array(found, dtype=np.float64)


@dataclass(frozen=True)
class Beforehand:
    """What has to be done before a trial begins: requests to train, and examples whose losses are read.

    It is done once for all trials of a process, or with `is_each` by each trial anew.
    """

    requests: tuple[Request, ...] = ()
    rows: tuple[Example, ...] = ()
    is_each: bool = False


class Library(Protocol):
    """What reference losses come from."""

    def train(self, request: Request) -> State:
        """Gives the adapter that a request trains with fixed shares."""
        ...

    def losses(self, state: State | None, examples: Sequence[Example]) -> Array:
        """Gives the losses of examples under an adapter, or of the model as it is, [example]."""
        ...


class Librarian:
    """Gives reference losses; specialists are trained once for all trials of one fidelity, and kept with what they say.

    A specialist trains on its dataset alone with seed 0 and the budget of the request; a proxy is the request with
    fixed shares.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._specialists: dict[Request, State] = {}
        self._known: dict[tuple[Request, str, str], float] = {}

    def references(self, kind: str | Mapping[str, float], request: Request, reach: Pool) -> References:
        """Gives the references of a request for the examples within its reach, by task.

        Raises:
            TrialError: a reference training diverges or runs out of memory.
        """
        if isinstance(kind, Mapping):
            return References(tasks=kind)
        if kind == "specialists":
            found = [self._of_specialist(name, request.fidelity, reach[name]) for name in reach]
            return References({key: loss for losses in found for key, loss in losses.items()})
        plain = Request(request.mixture, request.seed, request.fidelity)
        state = self._library.train(plain) if kind == "proxy" else None
        return References(self._read(state, [example for name in reach for example in reach[name]]))

    @staticmethod
    def beforehand(kind: str | Mapping[str, float], request: Request, reach: Pool) -> Beforehand:
        """Gives what `references` trains and reads."""
        if isinstance(kind, Mapping):
            return Beforehand()
        rows = tuple(dict.fromkeys(example for name in reach for example in reach[name]))
        if kind == "specialists":
            return Beforehand(tuple(alone(name, request.fidelity) for name in reach), rows)
        return Beforehand((request,) if kind == "proxy" else (), rows, is_each=True)

    def specialist(self, name: str, fidelity: float) -> State:
        """Gives the adapter trained on one dataset alone.

        Raises:
            TrialError: its training diverges or runs out of memory.
        """
        asked = alone(name, fidelity)
        if asked not in self._specialists:
            self._specialists[asked] = self._library.train(asked)
        return self._specialists[asked]

    def _of_specialist(self, name: str, fidelity: float, reach: Sequence[Example]) -> dict[tuple[str, str], float]:
        asked, state = alone(name, fidelity), self.specialist(name, fidelity)
        new = [example for example in reach if (asked, example.task, example.id) not in self._known]
        read = self._read(state, new)
        self._known |= {(asked, *key): loss for key, loss in read.items()}
        return {(example.task, example.id): self._known[asked, example.task, example.id] for example in reach}

    def _read(self, state: State | None, examples: Sequence[Example]) -> dict[tuple[str, str], float]:
        """Gives the loss of each example by task and id; each is read once."""
        once = {(example.task, example.id): example for example in examples}
        return dict(zip(once, self._library.losses(state, list(once.values())).tolist(), strict=True)) if once else {}


def alone(name: str, fidelity: float) -> Request:
    """Gives the request of the specialist of a dataset."""
    return Request(Mixture.of([name]), fidelity=fidelity)
