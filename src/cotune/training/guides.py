"""Guides: what has a say in each step of a trial's training, the gradient of a balancer or of a mixer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType

from cotune.training.balance.choice import made, needs_of
from cotune.training.balance.contract import HELD
from cotune.training.balance.equal import Equal
from cotune.training.balance.facts import facts_of
from cotune.training.balance.fitting import described
from cotune.training.balance.gradient import BalancedGradient
from cotune.training.balance.held import held_out
from cotune.training.balance.teachers import weights_of
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS
from cotune.training.lora import State, Trainee, still
from cotune.training.mix.choice import needs_of as needs_of_mixer
from cotune.training.mix.contract import HELD as HELD_BY_MIXERS
from cotune.training.mix.making import Mixings, Shop
from cotune.training.mix.references import Beforehand, Librarian, alone
from cotune.training.mixing import Plan
from cotune.training.trainer import Guide
from cotune.trial import Request

Rows = dict[str, list[Example]]
"""Train examples by task."""

NO_TEACHERS: Mapping[str, State | None] = MappingProxyType({})


class Guides:
    """Makes the guides of an engine's trials; `pool` gives the train examples of tasks."""

    def __init__(self, shop: Shop, pool: Callable[[Sequence[str]], Rows]) -> None:
        self._shop, self._pool = shop, pool
        self._librarian = Librarian(shop)
        self._mixings = Mixings(shop, self._librarian)

    def rows(self, names: Sequence[str]) -> tuple[Rows, Rows]:
        """Gives the examples to train on, and those held out because a balancer or a mixer looks at their losses.

        Raises:
            TrialError: a task has too few rows.
        """
        pool, train = self._pool(names), self._shop.setup.train
        if needs_of(train.balancer) & HELD:
            return held_out(pool, train.balancer.rows)
        return held_out(pool, train.mixing.rows) if needs_of_mixer(train.mixing) & HELD_BY_MIXERS else (pool, {})

    @contextmanager
    def guided(
        self, request: Request, drawn: Plan, limit: int, *, rehearsal: bool = False
    ) -> Iterator[tuple[Trainee, Guide | None]]:
        """Gives a fresh adapter with what guides its training; trainings of references and teachers come first."""
        prepared = self._mixings.prepared(request, drawn, self.rows(request.mixture.names), rehearsal=rehearsal)
        teachers = self.teachers(request, rehearsal=rehearsal)
        with self._shop.adapted(seed=request.seed) as trainee:
            balanced = self.balanced(request, drawn, trainee, limit, teachers)
            yield trainee, prepared(trainee, limit) if prepared else balanced

    def beforehand(self, request: Request, drawn: Plan) -> Beforehand:
        """Gives what has to be trained and read before a request's own training."""
        if self._has_teachers(request):
            return Beforehand(tuple(alone(name, request.fidelity) for name in request.mixture.names))
        return self._mixings.beforehand(request, drawn, self.rows(request.mixture.names)[0])

    def _has_teachers(self, request: Request) -> bool:
        return "teachers" in needs_of(self._shop.setup.train.balancer) and len(request.mixture.names) > 1

    def teachers(self, request: Request, *, rehearsal: bool = False) -> dict[str, State | None]:
        """Gives the specialist of each dataset where a balancer has it teach; each is trained once.

        A rehearsal does without: None stands for the model as it is.

        Raises:
            TrialError: a training diverges or runs out of memory.
        """
        names = request.mixture.names if self._has_teachers(request) else ()
        return {name: None if rehearsal else self._librarian.specialist(name, request.fidelity) for name in names}

    def balanced(
        self,
        request: Request,
        drawn: Plan,
        trainee: Trainee,
        limit: int,
        teachers: Mapping[str, State | None] = NO_TEACHERS,
    ) -> BalancedGradient | None:
        """Gives how the tasks of a mixture are balanced; None where they weigh the same, or there is one."""
        setup, names = self._shop.setup, request.mixture.names
        chosen = setup.train.balancer
        if not chosen.is_on or len(names) < 2:
            return None
        kept, held = self.rows(names)
        balancer = made(chosen) or Equal()
        tasks = [setup.task(name) for name in names]
        return BalancedGradient(
            balancer,
            described(names, setup.targets, {name: len(rows) for name, rows in kept.items()}),
            self._shop.decoder,
            trainee.parameters,
            setup.train,
            limit,
            len(drawn.batches),
            request.seed,
            frugal=limit < PACK_TOKENS,
            held=held,
            stakes=self._shop.stakes(names),
            facts=facts_of(balancer.needs, tasks, kept, self._pool(setup.targets)),
            still=partial(still, trainee) if setup.lora.dropout else None,
            teachers={name: weights_of(trainee, state) for name, state in teachers.items()},
        )
