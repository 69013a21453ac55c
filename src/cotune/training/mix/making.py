"""Makes the mixed gradient of a trial from its request, its plan and its rows."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from cotune.training.balance.contract import Array
from cotune.training.balance.fitting import described
from cotune.training.decoder import Decoder
from cotune.training.draws import order
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS
from cotune.training.goal import Goal
from cotune.training.lora import State, Trainee, still
from cotune.training.loss.stakes import Stakes
from cotune.training.memory import within_memory
from cotune.training.mix.choice import made
from cotune.training.mix.feed import Line, Unit
from cotune.training.mix.gradient import MixedGradient, Supply, amounts
from cotune.training.mix.measure import Gauge, Pool
from cotune.training.mix.references import Beforehand, Librarian, References
from cotune.training.mixing import Plan
from cotune.training.setup import Setup
from cotune.training.trainer import Trainer
from cotune.trial import Request


def supply_of(setup: Setup, request: Request, drawn: Plan, pool: Pool) -> Supply:
    """Gives where the batches of a request come from: as much in all, step by step, as the plan for fixed shares has.

    Rows come in the plan's order, and repetition caps hold.
    """
    shares = Goal.of(request, pool, setup.budget, setup.size_policy, setup.train).shares
    in_examples = setup.budget.kind == "examples" or (
        setup.budget.kind == "steps" and setup.train.batch_examples is not None
    )
    unit: Unit = "examples" if in_examples else "tokens"
    cap = setup.size_policy.cap_epochs or np.inf
    lines = [
        Line(
            order(pool[name], request.seed, name),
            draw=setup.train.of(name).draw,
            cap=float(max(np.floor(cap * len(pool[name])), 1)),
        )
        for name in request.mixture.names
    ]
    start = np.array([shares[name] for name in request.mixture.names])
    return Supply(lines, start, amounts(drawn.batches, unit), unit)


def reach(supply: Supply, names: Sequence[str]) -> Pool:
    """Gives the examples of each task that may be drawn, whatever the mixer says."""
    return {name: line.until(supply.until[-1], supply.unit) for name, line in zip(names, supply.lines, strict=True)}


class Adapted(Protocol):
    """Puts an adapter on the model."""

    def __call__(self, *, seed: int, state: State | None = None) -> AbstractContextManager[Trainee]:
        """Gives a fresh adapter, which changes nothing yet, or that of `state`."""
        ...


@dataclass(frozen=True)
class Shop:
    """What an engine lends: its decoder, its trainer, its adapters, and plans for fixed shares."""

    setup: Setup
    decoder: Decoder
    trainer: Trainer
    adapted: Adapted
    plan: Callable[[Request], Plan]
    stakes: Callable[[Sequence[str]], Mapping[str, Stakes]]

    def gauge(self, request: Request | None, names: Sequence[str], trainee: Trainee, limit: int) -> Gauge:
        """Gives what measures an adapter on the tasks `names`."""

        def encode(examples: Sequence[Example]) -> None:
            self.trainer.encode(request, examples, pasts=False, limit=limit)

        drops = request is not None and self.setup.lora.dropout  # without a request there is no training
        quiet = partial(still, trainee) if drops else nullcontext
        return Gauge(self.decoder, trainee.parameters, self.setup.train, limit, encode, self.stakes(names), quiet)

    def train(self, request: Request) -> State:
        """Gives the adapter that a request trains with fixed shares.

        Raises:
            TrialError: it diverges or runs out of memory.
        """
        return within_memory(lambda limit: self._train(request, limit), PACK_TOKENS)

    def losses(self, state: State | None, examples: Sequence[Example]) -> Array:
        """Gives the losses of examples under an adapter, or of the model as it is, [example].

        Raises:
            TrialError: it runs out of memory.
        """
        return within_memory(lambda limit: self._losses(state, examples, limit), PACK_TOKENS)

    def _train(self, request: Request, limit: int) -> State:
        with self.adapted(seed=request.seed) as trainee:
            self.trainer.train(request, self.plan(request), trainee, limit)
            return trainee.state()

    def _losses(self, state: State | None, examples: Sequence[Example], limit: int) -> Array:
        with self.adapted(seed=0, state=state) as trainee:
            names = sorted({example.task for example in examples})
            return self.gauge(None, names, trainee, limit).losses(examples)


class Mixings:
    """Makes the mixed gradients of an engine's trials; reference losses are kept from one to the next."""

    def __init__(self, shop: Shop, librarian: Librarian) -> None:
        self._shop, self._librarian = shop, librarian

    def beforehand(self, request: Request, drawn: Plan, pool: Pool) -> Beforehand:
        """Gives what is trained and read for a request's reference losses; `pool` are the rows to train on."""
        reference = self._shop.setup.train.mixing.reference
        if reference is None or len(request.mixture.names) < 2:
            return Beforehand()
        supply = supply_of(self._shop.setup, request, drawn, pool)
        return self._librarian.beforehand(reference, request, reach(supply, request.mixture.names))

    def prepared(
        self, request: Request, drawn: Plan, rows: tuple[Pool, Pool], *, rehearsal: bool = False
    ) -> Callable[[Trainee, int], MixedGradient] | None:
        """Gives what makes a request's mixed gradient of its adapter; None where its shares do not change.

        `rows` are those to train on and those held out, by task. Reference trainings come first, here; a rehearsal does
        without and takes references of 0.

        Raises:
            TrialError: a reference training diverges or runs out of memory.
        """
        setup, names = self._shop.setup, request.mixture.names
        mixer, reference = made(setup.train.mixing), setup.train.mixing.reference
        if mixer is None or len(names) < 2:
            return None
        supply, references = supply_of(setup, request, drawn, rows[0]), References()
        if reference is not None:
            kind = dict.fromkeys(names, 0.0) if rehearsal else reference
            references = self._librarian.references(kind, request, reach(supply, names))
        tasks = described(names, setup.targets, {name: len(rows[0][name]) for name in names})

        def make(trainee: Trainee, limit: int) -> MixedGradient:
            gauge = self._shop.gauge(request, names, trainee, limit)
            return MixedGradient(mixer, tasks, supply, gauge, request.seed, *rows, references=references)

        return make
