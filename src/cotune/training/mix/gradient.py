"""The gradient of a mixed step: asks the mixer, draws the batch, keeps the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch

from cotune.training.balance.contract import Array, State, Tasks
from cotune.training.balance.losses import owners
from cotune.training.errors import check_finite
from cotune.training.example import Example
from cotune.training.mix.contract import Answer, Mixer, Seen, Signals
from cotune.training.mix.feed import Ledger, Line, Unit, epochs, fed, size_of
from cotune.training.mix.measure import Gauge, Pool, factors, influence, validation
from cotune.training.mix.record import Line as RecordLine
from cotune.training.mix.record import mixed_of
from cotune.training.mix.references import References
from cotune.training.mixing import exposure_of
from cotune.trial import Exposure, Mixed

Weights = tuple[list[torch.Tensor], dict[str, object]]
"""Trained weights and the moments of the optimiser."""


class Track(Protocol):
    """A training that can go back."""

    def save(self) -> Weights:
        """Gives a copy of the weights and moments of now."""
        ...

    def load(self, weights: Weights) -> None:
        """Sets weights and moments to those of a copy."""
        ...


@dataclass(frozen=True)
class Supply:
    """Where batches come from: the tasks' lines, the fixed shares [task], how much is drawn until after each step."""

    lines: Sequence[Line]
    start: Array
    until: Sequence[float]
    unit: Unit


@dataclass(frozen=True)
class Memory:
    """What is remembered between steps: the state, what was drawn and seen, the record, weights to go back to.

    `influence` are the cosines of each look at gradients, [held-out task, train task].
    """

    state: State
    ledger: Ledger
    batches: tuple[tuple[Example, ...], ...] = ()
    seen: Seen | None = None
    lines: tuple[RecordLine, ...] = ()
    dropped: tuple[tuple[int, int, str], ...] = ()
    influence: tuple[Array, ...] = ()
    copies: Mapping[int, Weights] = field(default_factory=dict, repr=False)
    is_over: bool = False


@dataclass
class MixedGradient:
    """Draws the batch of each step in turn as the mixer wants it, and adds its gradient.

    `held` are the rows of each task that are looked at every `every` steps, `pool` those that it trains on. With the
    `memory` of another it goes on as that one would have.
    """

    mixer: Mixer
    tasks: Tasks
    supply: Supply
    gauge: Gauge
    seed: int
    pool: Pool
    held: Pool = field(default_factory=dict)
    references: References = References()  # noqa: RUF009  (frozen)
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        state = self.mixer.start(self.tasks, self.supply.start)
        self.memory = Memory(state, Ledger.empty(self.supply.start))

    def __call__(self, step: int, track: Track) -> float | None:
        """Adds the gradient of the next batch and gives its loss with all answer tokens alike: trials compare by it.

        None means that there is nothing left to draw from.

        Raises:
            TrialError: a loss, weight or gradient is not finite.
        """
        if self.memory.is_over:
            return None
        answer = self._ask(step, track)
        spare = np.where(self._gone, 0.0, self.supply.start)
        shares = np.where(self._gone, 0.0, answer.shares)
        until, unit = self.supply.until[step - 1], self.supply.unit
        batch, ledger = fed(self.supply.lines, self.memory.ledger, shares, spare, until=until, unit=unit)
        if not batch:
            self.memory = replace(self.memory, is_over=True)
            return None
        drawn = (*self.memory.batches, tuple(batch))
        lines = (*self.memory.lines, RecordLine.of(step, answer, ledger.tokens))
        self.memory = replace(self.memory, ledger=ledger, batches=drawn, lines=lines)
        return self._descend(batch, answer, step)

    @property
    def mixed(self) -> Mixed:
        """What a trial keeps of it."""
        memory = self.memory
        name, names = self.gauge.train.mixing.name, self.tasks.names
        return mixed_of(name, names, memory.lines, memory.dropped, memory.influence)

    @property
    def exposure(self) -> Mapping[str, Exposure]:
        """What was trained of each task."""
        return exposure_of(self.memory.batches, self.pool)

    @property
    def _gone(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which tasks were dropped, [task]."""
        return np.isin(np.arange(len(self.tasks.names)), [task for _, task, _ in self.memory.dropped])

    def _descend(self, batch: Sequence[Example], answer: Answer, step: int) -> float:
        """Adds the gradient of a batch and gives its loss."""
        names, train = self.tasks.names, self.gauge.train
        ordered = sorted(batch, key=lambda example: names.index(example.task))
        weights = factors(ordered, names, train, answer.weights)
        check_finite("weight of a task", float(weights.sum()), step)
        means = self.gauge.descend(ordered, weights)
        references = self.references.of(ordered) if "reference" in self.mixer.needs else None
        self.memory = replace(self.memory, seen=Seen(owners(names, ordered), means, references))
        return float(factors(ordered, names, train, None) @ means)

    def _ask(self, step: int, track: Track) -> Answer:
        """Gives the mixer's answer before a step, and has the training go back if it says so."""
        every, steps = self.gauge.train.mixing.every, len(self.supply.until)
        looks = (step - 1) % every == 0
        names, needs = self.tasks.names, self.mixer.needs
        signals = Signals(
            self.tasks,
            step,
            steps,
            self.seed,
            self.supply.start,
            epochs(self.memory.ledger, self.tasks.rows),
            -(-steps // every),
            self.memory.seen,
            validation(self.gauge, self.held, names, step) if looks and "validation" in needs else None,
            influence(self.gauge, self.held, self._probes(step), names, step)
            if looks and "influence" in needs
            else None,
        )
        answer, state = self.mixer.mix(signals, self.memory.state)
        dropped = tuple((step, task, reason) for task, reason in (answer.dropped or {}).items())
        copies = self.memory.copies
        if answer.back is not None:
            track.load(copies[answer.back])
        kept = {at: track.save() if at == step else copies[at] for at in answer.keep}
        seen = () if signals.influence is None else (signals.influence.cosines,)
        self.memory = replace(
            self.memory,
            state=state,
            dropped=(*self.memory.dropped, *dropped),
            influence=(*self.memory.influence, *seen),
            copies=kept,
        )
        return answer

    def _probes(self, step: int) -> dict[str, list[Example]]:
        """Gives random train rows of each task, other ones at each look."""
        probes = {}
        for place, name in enumerate(self.tasks.names):
            rng = np.random.default_rng([self.seed, step, place])
            rows = min(self.gauge.train.mixing.rows, len(self.pool[name]))
            probes[name] = [self.pool[name][row] for row in rng.choice(len(self.pool[name]), rows, replace=False)]
        return probes


def amounts(batches: Sequence[Sequence[Example]], unit: Unit) -> list[float]:
    """Gives how much the first batches have in all, [batch]: what a mixed training draws until after each of them."""
    sums: list[float] = np.cumsum([size_of(batch, unit) for batch in batches]).astype(float).tolist()
    return sums
