"""Guides: what has a say in each step of a trial's training, the gradient of a balancer or of a mixer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from cotune.training.balance.choice import made
from cotune.training.balance.contract import HELD
from cotune.training.balance.equal import Equal
from cotune.training.balance.facts import facts_of
from cotune.training.balance.fitting import described
from cotune.training.balance.gradient import BalancedGradient
from cotune.training.balance.held import held_out
from cotune.training.example import Example
from cotune.training.forest import PACK_TOKENS
from cotune.training.lora import Trainee, still
from cotune.training.mix.choice import made as made_mixer
from cotune.training.mix.contract import HELD as HELD_BY_MIXERS
from cotune.training.mix.making import Mixings, Shop
from cotune.training.mixing import Plan
from cotune.training.trainer import Guide
from cotune.trial import Request

Rows = dict[str, list[Example]]
"""Train examples by task."""


class Guides:
    """Makes the guides of an engine's trials; `pool` gives the train examples of tasks."""

    def __init__(self, shop: Shop, pool: Callable[[Sequence[str]], Rows]) -> None:
        self._shop, self._pool = shop, pool
        self._mixings = Mixings(shop)

    def rows(self, names: Sequence[str]) -> tuple[Rows, Rows]:
        """Gives the examples to train on, and those held out because a balancer or a mixer looks at their losses.

        Raises:
            TrialError: a task has too few rows.
        """
        pool, train = self._pool(names), self._shop.setup.train
        balancer, mixer = made(train.balancer), made_mixer(train.mixing)
        if balancer and balancer.needs & HELD:
            return held_out(pool, train.balancer.rows)
        return held_out(pool, train.mixing.rows) if mixer and mixer.needs & HELD_BY_MIXERS else (pool, {})

    @contextmanager
    def guided(
        self, request: Request, drawn: Plan, limit: int, *, rehearsal: bool = False
    ) -> Iterator[tuple[Trainee, Guide | None]]:
        """Gives a fresh adapter with what guides its training; reference trainings of a mixer come first."""
        prepared = self._mixings.prepared(request, drawn, self.rows(request.mixture.names), rehearsal=rehearsal)
        with self._shop.adapted(seed=request.seed) as trainee:
            yield trainee, prepared(trainee, limit) if prepared else self.balanced(request, drawn, trainee, limit)

    def balanced(self, request: Request, drawn: Plan, trainee: Trainee, limit: int) -> BalancedGradient | None:
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
        )
