"""Descent over layers: which adapter each layer is taken from, changed one layer at a time from the top down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cotune.verdict.loss_gap import Array, LossGap, loss_gap

Pick = tuple[int | None, ...]
"""For each decoder layer, lowest first, the adapter that it is taken from; None for none."""

CHANCE = 0.05
"""How likely a layer is changed at a visit where no candidate is better, at most."""


class Rows(Protocol):
    """The rows that picks are compared on."""

    @property
    def tokens(self) -> Array:
        """Answer tokens of each row, [row]."""
        ...

    def losses(self, pick: Pick) -> Array:
        """Gives the summed loss of each row's answer under `pick`, in nats, [row]."""
        ...

    def hold(self, pick: Pick) -> None:
        """Keeps what `pick` gives below each layer, for picks that differ from it only further up."""
        ...


@dataclass(frozen=True)
class Change:
    """A change of one layer that was taken, in which pass, and by how much it lowered the loss."""

    sweep: int
    layer: int
    before: int | None
    after: int | None
    gap: LossGap


@dataclass(frozen=True)
class Descent:
    """Where a descent ended: `is_settled` tells that the last pass changed nothing, `passes` counts that one too."""

    pick: Pick
    changes: tuple[Change, ...]
    passes: int
    is_settled: bool


@dataclass
class Known:
    """The losses of picks that were read, each once; `readings` counts them, and how often one was held."""

    rows: Rows
    _losses: dict[Pick, Array] = field(default_factory=dict)
    _holds: int = 0

    @property
    def readings(self) -> int:
        """How often the rows were read."""
        return len(self._losses) + self._holds

    def hold(self, pick: Pick) -> None:
        """Keeps what `pick` gives below each layer; the rows are read once more for that."""
        self.rows.hold(pick)
        self._holds += 1

    def has(self, pick: Pick) -> bool:
        """Whether `pick` was read."""
        return pick in self._losses

    def losses(self, pick: Pick) -> Array:
        """Gives the losses of `pick`, [row]."""
        if pick not in self._losses:
            self._losses[pick] = self.rows.losses(pick)
        return self._losses[pick]

    def mean(self, pick: Pick) -> float:
        """Gives the loss of `pick` in nats a token."""
        return float(self.losses(pick).sum() / self.rows.tokens.sum())


def descend(
    known: Known,
    start: Pick,
    options: Sequence[Sequence[int]],
    *,
    passes: int,
    tell: Callable[[int, int, int], None] = lambda *_: None,
) -> Descent:
    """Gives the pick that coordinate descent ends in from `start`; `options` are each layer's adapters, [layer].

    A pass visits the layers from the top down. At each it reads the pick with the layer from every other adapter that
    has one for it, and from none, and takes the best of those whose paired difference of row losses is below 0 by a
    one-sided t-test at 0.05 shared out among them (Bonferroni). It ends with a pass that changes nothing, or after
    `passes`. `tell` is told pass, candidates done and candidates in all.

    From the top down, because what lies below the visited layer then stays as it was when the pass began: it is
    computed once a pass. Cost: a pass reads at most one pick for each adapter and layer, of the visited layer and those
    above it, and once more the pick that it begins from; other picks that were read before cost nothing.

    Source of the idea: Jiang & Celiktutan (2022), "Neural Weight Search for Scalable Task Incremental Learning": a new
    task's network is built from frozen weights alone, chosen from a fixed pool for each layer and kept as indices.
    There each kernel of a temporary network is replaced by its nearest in the pool, and that network is trained end to
    end by a straight-through gradient. Here a unit is a decoder layer's LoRA factors, of which a library has a handful
    and not hundreds; so each is tried, by the loss itself, and nothing is trained.
    """
    pick, changes, sweep, is_settled = start, list[Change](), 0, False
    while sweep < passes and not is_settled:
        taken = _pass(known, pick, options, sweep, tell)
        for change in taken:
            pick = _with(pick, change.layer, change.after)
        changes += taken
        sweep += 1
        is_settled = not taken
    return Descent(pick, tuple(changes), sweep, is_settled)


def _pass(
    known: Known, pick: Pick, options: Sequence[Sequence[int]], sweep: int, tell: Callable[[int, int, int], None]
) -> list[Change]:
    """Gives the changes that one pass takes, from the top layer down."""
    changes, done, is_held = list[Change](), 0, False
    for layer in reversed(range(len(pick))):
        others = [adapter for adapter in (None, *options[layer]) if adapter != pick[layer]]
        candidates = [_with(pick, layer, adapter) for adapter in others]
        if not is_held and not all(map(known.has, candidates)):
            known.hold(pick)
            is_held = True
        for candidate in candidates:
            known.losses(candidate)
            done += 1
            tell(sweep, done, sum(map(len, options)))
        change = _best(known, pick, candidates, layer, sweep)
        if change is not None:
            changes.append(change)
            pick = _with(pick, layer, change.after)
    return changes


def _with(pick: Pick, layer: int, adapter: int | None) -> Pick:
    return (*pick[:layer], adapter, *pick[layer + 1 :])


def _best(known: Known, pick: Pick, candidates: Sequence[Pick], layer: int, sweep: int) -> Change | None:
    """Gives the change to the best of the candidates that are detectably better, None if none is."""
    base, tokens = known.losses(pick), known.rows.tokens
    sound = [candidate for candidate in candidates if np.isfinite(known.losses(candidate)).all()]
    gaps = [(loss_gap(known.losses(candidate), base, tokens), candidate[layer]) for candidate in sound]
    better = [(gap, adapter) for gap, adapter in gaps if gap.is_below(CHANCE / len(candidates))]
    if not better:
        return None
    gap, adapter = min(better, key=lambda found: found[0].mean)
    return Change(sweep, layer, pick[layer], adapter, gap)
