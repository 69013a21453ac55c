"""The stages: learning rates, a screen of all, equal time by cost ratios, and more seeds for who may be the best."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.balance.contestants import BASE, BASELINES, SINGLE, singles
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
    """Gives the trainings of the first stage: every rate on one seed; at one rate all in turn.

    So trainings whose seconds are compared are near each other in time.
    """
    cases = []
    for pool in pools:
        cases.append(Case(pool.name, BASE, work.lrs[0], TUNING_SEED, work.tokens))
        cases += [
            Case(entry.pool, entry.contestant, lr, TUNING_SEED, work.tokens)
            for lr in work.lrs
            for entry in screened([pool], suited)
        ]
    return cases


def screened(pools: Sequence[Pool], suited: Mapping[str, Sequence[str]]) -> list[Entry]:
    """Gives who trains on the first seeds: all, and each target alone."""
    alone = [Entry(pool.name, single.name) for pool in pools for single in singles(pool.targets)]
    return [*entries(pools, suited), *alone]


def rate(entry: Entry, rows: Rows, work: Work) -> float | None:
    """Gives the learning rate with the best mean score on the rows to choose by; None where none ends well."""
    found = {lr: _chosen_score(entry, rows[_tried(entry, lr, work)]) for lr in work.lrs}
    best = max(found, key=lambda lr: found[lr])
    return best if found[best] >= 0 else None


def ratio(entry: Entry, rows: Rows, work: Work) -> float:
    """Gives the processor's seconds of a training in units of those of equal weights: the mean over learning rates.

    Only trainings on one kind of processor are compared.
    """
    tried = [
        (rows[_tried(entry, lr, work)], rows[_tried(Entry(entry.pool, EQUAL), lr, work)])
        for lr in work.lrs
        if not rows[_tried(entry, lr, work)].error
    ]
    ratios = [mine.seconds / theirs.seconds for mine, theirs in tried if mine.machine == theirs.machine]
    return mean(ratios) if ratios else 1.0


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
