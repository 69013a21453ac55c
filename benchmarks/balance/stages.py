"""The stages: learning rates, a screen of all, equal time by cost ratios, and more seeds for who may be the best."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.balance.contestants import BASE, SINGLE, singles
from benchmarks.balance.pools import Pool
from benchmarks.balance.row import Row
from benchmarks.balance.work import FIRST_SEEDS, Case, Work
from cotune.training.balance.choice import EQUAL

Rows = Mapping[Case, Row]
FREE = 1.05
"""Up to this cost ratio a training at equal tokens is one at equal time: less cannot be told from none."""
TUNING_SEED = 0
"""The seed on which every learning rate is tried."""
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


def tuning(pools: Sequence[Pool], suited: Mapping[str, Sequence[str]], work: Work) -> list[Case]:
    """Gives the trainings of the first stage: every rate on one seed."""
    cases = []
    for pool in pools:
        cases.append(Case(pool.name, BASE, work.lrs[0], TUNING_SEED, work.tokens))
        cases += [
            Case(entry.pool, entry.contestant, lr, TUNING_SEED, work.tokens)
            for lr in work.lrs
            for entry in screened([pool], suited)
        ]
    return cases


def timing(pools: Sequence[Pool], suited: Mapping[str, Sequence[str]], work: Work) -> list[Case]:
    """Gives the trainings that show what steps cost: of all but equal weights, on the pool that suits the most."""
    pool = max(pools, key=lambda pool: len(suited[pool.name]))
    names = [name for name in suited[pool.name] if name != EQUAL]
    return [Case(pool.name, name, work.lrs[0], TUNING_SEED, work.timing_tokens, is_timing=True) for name in names]


def screened(pools: Sequence[Pool], suited: Mapping[str, Sequence[str]]) -> list[Entry]:
    """Gives who trains on the first seeds: all, and each target alone."""
    alone = [Entry(pool.name, single.name) for pool in pools for single in singles(pool.targets)]
    return [*entries(pools, suited), *alone]


def rate(entry: Entry, rows: Rows, work: Work) -> float | None:
    """Gives the learning rate with the best mean score on the rows to choose by; None where none ends well."""
    found = {lr: _chosen_score(entry, rows[_tried(entry, lr, work)]) for lr in work.lrs}
    best = max(found, key=lambda lr: found[lr])
    return best if found[best] >= 0 else None


def ratio(contestant: str, rows: Rows) -> float:
    """Gives the processor's seconds of a contestant's step in units of those of equal weights; 1 where unknown."""
    timed = [row for case, row in rows.items() if case.is_timing and case.contestant == contestant]
    return mean([row.seconds / row.beside for row in timed if not row.error] or [1.0])


def timed_tokens(entry: Entry, rows: Rows, work: Work) -> int:
    """Gives the tokens that a contestant trains in the time in which equal weights train theirs, never more."""
    costs = ratio(entry.contestant, rows)
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


def single_scores(pool: Pool, rows: Rows, work: Work) -> dict[str, float]:
    """Gives what training on each target alone scores at the rate chosen for it, the mean over the first seeds."""
    scores = {}
    for name in pool.targets:
        entry = Entry(pool.name, SINGLE + name)
        cases = at_rate([entry], rows, work, range(min(FIRST_SEEDS, work.seeds)), timed=False)
        scores[name] = mean([rows[case].report.get(name, 0.0) for case in cases] or [0.0])
    return scores


def _tried(entry: Entry, lr: float, work: Work) -> Case:
    return Case(entry.pool, entry.contestant, lr, TUNING_SEED, work.tokens)


def _chosen_score(entry: Entry, row: Row) -> float:
    """Gives the mean score of the targets on the rows to choose by; of the one that is trained on where it is alone."""
    if row.error:
        return -1.0
    if entry.contestant.startswith(SINGLE):
        return row.choose[entry.contestant.removeprefix(SINGLE)]
    return mean(row.choose.values())
