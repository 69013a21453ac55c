"""Who gets more seeds: the baselines, and those who may be the best of all that train on the same pools."""

from collections.abc import Iterable, Sequence

from benchmarks.balance.contestants import BASELINES
from benchmarks.balance.figures import Table
from benchmarks.balance.stages import Entry, at_rate
from benchmarks.balance.work import FIRST_SEEDS


def finalists(table: Table, every: Sequence[Entry], *, timed: bool) -> list[Entry]:
    """Gives the entries of those who get more seeds.

    A contestant that suits some pools alone is measured by the best there. Who got more seeds once gets them on all of
    its pools: to stop where its interval happens to fall short would choose by luck.
    """
    suits = {entry.contestant: [one.pool for one in every if one.contestant == entry.contestant] for entry in every}
    names = {one.name for one in BASELINES} | _begun(table, every, timed=timed)
    for pools in {tuple(pools) for pools in suits.values()}:
        lines = table.lines(timed=timed, pools=pools, title="")
        rivals = {line.contestant: line.minus["mean"] for line in lines if {*suits[line.contestant]} >= {*pools}}
        names |= {name for name in reaching(rivals) if tuple(suits[name]) == pools}
    return [entry for entry in every if entry.contestant in names]


def reaching(differences: dict[str, tuple[float, float, float]]) -> Iterable[str]:
    """Gives those whose interval of the difference from equal weights reaches the best mean.

    >>> list(reaching({"a": (0.1, 0.0, 0.2), "b": (0.0, -0.1, 0.05), "c": (-0.1, -0.2, 0.1)}))
    ['a', 'c']
    """
    best = max((mean for mean, _, _ in differences.values()), default=0.0)
    return [name for name, (_, _, high) in differences.items() if high >= best]


def _begun(table: Table, every: Sequence[Entry], *, timed: bool) -> set[str]:
    more = range(FIRST_SEEDS, table.work.seeds)
    cases = at_rate(every, table.rows, table.work, more, timed=timed)
    return {case.contestant for case in cases if case in table.rows}
