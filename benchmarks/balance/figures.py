"""The figures: what each contestant scored, and its difference from equal weights, run by run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.balance.contestants import BASE, BASELINES
from benchmarks.balance.pools import Pool
from benchmarks.balance.row import Row
from benchmarks.balance.stages import Entry, Rows, at_rate, rate, ratio, single_scores
from benchmarks.balance.work import FIRST_SEEDS, Case, Work
from benchmarks.intervals import interval
from cotune.composite import normalised, weighted_mean, worst_task
from cotune.training.balance.choice import EQUAL

Interval = tuple[float, float, float]
MEASURES = ("mean", "worst", "normalised", "loss")
"""Mean and least score over a pool's targets, mean of score / single-task score, mean test loss."""
EVERYWHERE = "all pools"
FRESH = f"{EVERYWHERE}, without the seeds that chose who gets more"


@dataclass(frozen=True)
class Line:
    """One contestant on a pool or on all: means over `runs` (pool, seed) pairs, and differences from a reference.

    `failed` trainings ended without scores and are in no mean. `rates` are those chosen, by pool. `tokens` and
    `seconds`, the processor's, are of a training; `ratio` is its seconds in units of those of equal weights.
    """

    pool: str
    contestant: str
    reference: str
    is_timed: bool
    runs: int
    failed: int
    means: Mapping[str, float]
    minus: Mapping[str, Interval]
    rates: Mapping[str, float]
    tokens: float
    seconds: float
    ratio: float


@dataclass(frozen=True)
class Table:
    """All that was measured, with what figures need of it."""

    work: Work
    pools: Sequence[Pool]
    suited: Mapping[str, Sequence[str]]
    rows: Rows

    def lines(
        self, *, timed: bool, pools: Sequence[str], title: str, first: int = 0, reference: str = EQUAL
    ) -> list[Line]:
        """Gives a line for each contestant that suits one of `pools`, the best difference of the mean first.

        Seeds count from `first` on. Differences are from `reference`, paired by pool and seed.
        """
        names = dict.fromkeys(name for pool in pools for name in self.suited[pool])
        made = [self._line(name, pools, timed, title, first, reference) for name in names]
        known = [line for line in made if line.runs]
        return sorted(known, key=lambda line: -line.minus["mean"][0])

    def base(self, pool: Pool) -> dict[str, float]:
        """Gives what the model as it is scores on the reported rows, by target."""
        row = self.rows[Case(pool.name, BASE, self.work.lrs[0], 0, self.work.tokens)]
        return dict(row.report)

    def singles(self, pool: Pool) -> dict[str, float]:
        """Gives what training on each target alone scores."""
        return single_scores(pool, self.rows, self.work)

    def reached(self, pool: Pool, contestant: str) -> dict[str, float]:
        """Gives the scores of a contestant at equal tokens by target, means over seeds."""
        rows = list(self._rows(Entry(pool.name, contestant), False, 0).values())
        return {name: mean(row.report[name] for row in rows if not row.error) for name in pool.targets}

    def _line(self, name: str, pools: Sequence[str], timed: bool, title: str, first: int, reference: str) -> Line:
        mine = {pool: self._rows(Entry(pool, name), timed, first) for pool in pools if name in self.suited[pool]}
        theirs = {pool: self._rows(Entry(pool, reference), timed, first) for pool in mine}
        ended = {(pool, seed): row for pool, rows in mine.items() for seed, row in rows.items() if not row.error}
        pairs = [
            (self._measured(pool, row), self._measured(pool, theirs[pool][seed]))
            for (pool, seed), row in ended.items()
            if seed in theirs[pool] and not theirs[pool][seed].error
        ]
        rates = {pool: rate(Entry(pool, name), self.rows, self.work) for pool in mine}
        return Line(
            title,
            name,
            reference,
            timed,
            len(pairs),
            sum(len(rows) for rows in mine.values()) - len(ended),
            {measure: mean(one[measure] for one, _ in pairs) if pairs else 0.0 for measure in MEASURES},
            {measure: _interval([one[measure] - two[measure] for one, two in pairs]) for measure in MEASURES},
            {pool: lr for pool, lr in rates.items() if lr is not None},
            mean(row.trained for row in ended.values()) if ended else 0.0,
            mean(row.seconds for row in ended.values()) if ended else 0.0,
            ratio(name, self.rows),
        )

    def _rows(self, entry: Entry, timed: bool, first: int) -> dict[int, Row]:
        """Gives the rows at the chosen rate by seed, as far as there are any, from the seed `first` on."""
        cases = at_rate([entry], self.rows, self.work, range(first, self.work.seeds), timed=timed)
        return {case.seed: self.rows[case] for case in cases if case in self.rows}

    def _measured(self, name: str, row: Row) -> dict[str, float]:
        pool = next(pool for pool in self.pools if pool.name == name)
        ratios = normalised(row.report, self.singles(pool))
        return {
            "mean": weighted_mean(row.report),
            "worst": worst_task(row.report)[1],
            "normalised": mean(ratios.values()) if ratios else 0.0,
            "loss": weighted_mean(row.losses),
        }


def tables(table: Table, *, timed: bool) -> Iterator[tuple[str, list[Line]]]:
    """Yields a title and the lines of all pools together, then of each.

    Those who get more than the first seeds are chosen by these, and look better there than they are: what the other
    seeds say alone follows. In the end all pools together again, against each other baseline.
    """
    names = [pool.name for pool in table.pools]
    if len(names) > 1:
        yield EVERYWHERE, table.lines(timed=timed, pools=names, title=EVERYWHERE)
    if len(names) > 1 and table.work.seeds > FIRST_SEEDS:
        yield FRESH, table.lines(timed=timed, pools=names, title=FRESH, first=FIRST_SEEDS)
    for name in names:
        yield name, table.lines(timed=timed, pools=[name], title=name)
    others = [one.name for one in BASELINES if one.name != EQUAL and len(names) > 1]
    for name in others:
        if any(name in suited for suited in table.suited.values()):
            title = f"{EVERYWHERE}, against {name}"
            yield title, table.lines(timed=timed, pools=names, title=title, reference=name)


def _interval(values: Sequence[float]) -> Interval:
    return interval(values) if values else (0.0, 0.0, 0.0)
