"""How many more runs a search in batches needs for what one at a time reaches."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import Rules
from benchmarks.provenance import provenance
from benchmarks.scorings import log_scoring
from benchmarks.studies.pictures import Line, curves
from benchmarks.studies.problems import landscape_problems, pool_problems, shipped_problems
from benchmarks.studies.regrets import Regrets
from benchmarks.studies.searches import cases, rows
from benchmarks.studies.study import Found, Sources, Study, table
from benchmarks.summary import summarise

BATCHES = (1, 4, 16)
BUDGETS = tuple(range(2, 37))
MARKS = (12, 24)
LEAST = 8
"""Datasets of a pool; smaller ones have hardly more combinations than there are runs."""
RESAMPLES = 2000


def measure(sources: Sources) -> Found:
    """Searches with `default` in batches of 1, 4 and 16, on three kinds of problems."""
    kinds = {
        "held-out pools": pool_problems(sources.pools, sources.limit(24), least=LEAST),
        "landscapes": landscape_problems(sources.limit(7), size=9),
        "shipped tables": shipped_problems(sources.limit(4)),
    }
    found: Found = {}
    for kind, problems in kinds.items():
        of = {}
        for batch in BATCHES:
            ended = rows(cases(problems, ("default",)), Rules(BUDGETS, batch), sources, f"{kind[:4]}-{batch}")
            if kind == "shipped tables":
                lines = summarise([row for row in ended if row["budget"] in MARKS], ("nregret",), against="default")
                log_scoring(f"python -m benchmarks.studies batches, batch {batch}", provenance(), "nregret", lines)
            of[str(batch)] = Regrets.from_rows(ended)
        first = of["1"]
        joined = {batch: regrets.of["default"] for batch, regrets in of.items()}
        found[kind] = Regrets(first.problems, first.budgets, joined).to_json()
    return found


def needed(found: Regrets, batch: str, mark: int) -> tuple[float, float, float]:
    """Gives the runs after which batches reach the mean regret of one at a time at `mark`, with a bootstrap interval.

    Infinite where they do not within the longest search.
    """
    count = len(found.problems)
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))  # [resample, problem]
    resampled = [_runs(found, batch, mark, problems) for problems in drawn]
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    return _runs(found, batch, mark, np.arange(count)), float(low), float(high)


def _runs(found: Regrets, batch: str, mark: int, problems: NDArray[np.int64]) -> float:
    level = found.of["1"][problems, found.budgets.index(mark)].mean()
    there = found.of[batch][problems].mean(axis=0) <= level + 1e-9  # [budget]
    return float(found.budgets[there.argmax()]) if there.any() else float("inf")


def joined(result: Found) -> Regrets:
    """Gives the problems of all kinds together."""
    kinds = [Regrets.from_json(found) for found in result.values()]
    of = {str(batch): np.concatenate([kind.of[str(batch)] for kind in kinds]) for batch in BATCHES}
    return Regrets(tuple(name for kind in kinds for name in kind.problems), kinds[0].budgets, of)


def text(result: Found) -> str:
    """Shows the runs that batches need, by kind of problem."""
    kinds = {"all": joined(result)} | {kind: Regrets.from_json(found) for kind, found in result.items()}
    places = [(batch, mark) for mark in MARKS for batch in BATCHES[1:]]
    head = ("problems", *(f"batches of {batch}, for {mark} one at a time" for batch, mark in places))
    lines = {
        f"{kind} ({len(found.problems)})": tuple(_shown(*needed(found, str(batch), mark)) for batch, mark in places)
        for kind, found in kinds.items()
    }
    return f"{table(head, lines)}\n\n{_verdict(kinds['all'])}"


def _verdict(found: Regrets) -> str:
    more = [100 * (needed(found, "4", mark)[0] / mark - 1) for mark in MARKS]
    costs = " and ".join(f"{cost:+.0f} % at {mark}" for cost, mark in zip(more, MARKS, strict=True))
    met = "is met" if max(more) <= 20 else "is not met"
    return f"Batches of 4 cost {costs} runs over all problems; the goal of at most 20 % more {met}."


def _shown(mean: float, low: float, high: float) -> str:
    return f"{_short(mean)} [{_short(low)}, {_short(high)}]"


def _short(runs: float) -> str:
    return f"{runs:.0f}" if np.isfinite(runs) else f"> {BUDGETS[-1]}"


def picture(result: Found) -> str:
    """Draws mean regret by runs for each size of batch."""
    found = joined(result)
    lines = {}
    for batch in BATCHES:
        mean, low, high = zip(*(found.mean(str(batch), budget) for budget in found.budgets), strict=True)
        lines["one at a time" if batch == 1 else f"batches of {batch}"] = Line(found.budgets, mean, low, high)
    label = "Normalised regret by runs, in batches"
    return curves(lines, x_unit="fine-tunings", y_unit="mean normalised regret, 95 % interval", label=label)


STUDY = Study(measure, text, picture)
