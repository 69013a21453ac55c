"""The stages: a screen of all, trainings at equal time by its cost ratios, and more seeds for who may be the best."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.balance.contestants import BASE, BASELINES, SINGLE, singles
from benchmarks.balance.pools import Pool
from benchmarks.balance.row import Row
from benchmarks.balance.work import FIRST_SEEDS, Case, Work
from cotune.training.balance.choice import EQUAL

Rows = Mapping[Case, Row]
FREE = 1.02
"""Up to this cost ratio a training at equal tokens is one at equal time: less cannot be measured."""
ROUND = 100
"""Budgets are cut to so many tokens."""


@dataclass(frozen=True)
class Entry:
    """A contestant on a pool that it suits."""

    pool: str
    contestant: str


def entries(pools: Iterable[Pool], suited: Mapping[str, Sequence[str]]) -> list[Entry]:
    """Gives who trains on what; `suited` has the contestants by pool."""
    return [Entry(pool.name, name) for pool in pools for name in suited[pool.name]]


def screen(pools: Sequence[Pool], suited: Mapping[str, Sequence[str]], work: Work) -> list[Case]:
    """Gives the trainings of the first stage: every rate on the first seeds; at one seed and rate all in turn.

    So trainings whose seconds are compared are near each other in time.
    """
    cases = []
    for pool in pools:
        cases.append(Case(pool.name, BASE, work.lrs[0], 0, work.tokens))
        names = [*suited[pool.name], *(single.name for single in singles(pool.targets))]
        cases += [
            Case(pool.name, name, lr, seed, work.tokens)
            for seed in range(min(FIRST_SEEDS, work.seeds))
            for lr in work.lrs
            for name in names
        ]
    return cases


def rate(entry: Entry, rows: Rows, work: Work) -> float | None:
    """Gives the learning rate with the best mean score on the rows to choose by; None where none ends well."""
    found = {lr: [_chosen_score(rows[case]) for case in _first(entry, lr, work)] for lr in work.lrs}
    best = max(found, key=lambda lr: mean(found[lr]))
    return best if mean(found[best]) >= 0 else None


def ratio(entry: Entry, rows: Rows, work: Work) -> float:
    """Gives the processor's seconds of a training in units of those of equal weights: the median over pairs.

    A pair has one seed and one learning rate.
    """
    pairs = [
        rows[case].seconds / rows[other].seconds
        for lr in work.lrs
        for case, other in zip(_first(entry, lr, work), _first(Entry(entry.pool, EQUAL), lr, work), strict=True)
        if not rows[case].error and rows[other].seconds > 0
    ]
    return median(pairs) if pairs else 1.0


def timed_tokens(entry: Entry, rows: Rows, work: Work) -> int:
    """Gives the tokens that a contestant trains in the time in which equal weights train theirs, never more."""
    costs = ratio(entry, rows, work)
    return work.tokens if costs <= FREE else max(round(work.tokens / costs / ROUND) * ROUND, ROUND)


def at_rate(found: Sequence[Entry], rows: Rows, work: Work, seeds: Iterable[int], *, timed: bool) -> Iterator[Case]:
    """Yields the trainings of entries at the rate chosen for each, at equal tokens or at equal time."""
    seeds = tuple(seeds)
    for entry in found:
        lr = rate(entry, rows, work)
        if lr is None:
            continue
        tokens = timed_tokens(entry, rows, work) if timed else work.tokens
        yield from (Case(entry.pool, entry.contestant, lr, seed, tokens) for seed in seeds)


def finalists(differences: Mapping[str, tuple[float, float, float]]) -> list[str]:
    """Gives the baselines, and those whose interval of the difference from equal weights reaches the best mean.

    >>> finalists({"a": (0.1, 0.0, 0.2), "b": (0.0, -0.1, 0.05), "c": (-0.1, -0.2, 0.1)})[4:]
    ['a', 'c']
    """
    best = max((values[0] for values in differences.values()), default=0.0)
    reaching = [name for name, (_, _, high) in differences.items() if high >= best]
    return list(dict.fromkeys([*(one.name for one in BASELINES), *reaching]))


def single_scores(pool: Pool, rows: Rows, work: Work) -> dict[str, float]:
    """Gives what training on each target alone scores at the rate chosen for it, the mean over the first seeds."""
    scores = {}
    for name in pool.targets:
        entry = Entry(pool.name, SINGLE + name)
        alone = [[rows[case] for case in _first(entry, lr, work)] for lr in work.lrs]
        tried = [(mean(row.choose.get(name, -1.0) for row in found), found) for found in alone]
        best = max(tried, key=lambda pair: pair[0])[1]
        scores[name] = mean(row.report.get(name, 0.0) for row in best)
    return scores


def _first(entry: Entry, lr: float, work: Work) -> list[Case]:
    seeds = range(min(FIRST_SEEDS, work.seeds))
    return [Case(entry.pool, entry.contestant, lr, seed, work.tokens) for seed in seeds]


def _chosen_score(row: Row) -> float:
    return -1.0 if row.error else mean(row.choose.values())
