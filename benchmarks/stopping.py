"""Checks early stopping on recorded learning curves: is the final winner stopped, and what is saved and gained?

Not to be mixed up with `benchmarks.studies.early_stopping`, on when a predictor's fit ends.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import cast, get_args

import numpy as np

from benchmarks.in_memory import conclude
from benchmarks.intervals import interval
from benchmarks.pools import Pool
from benchmarks.provenance import provenance
from cotune.config.names import SAMPLERS, named
from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.search import Sampler
from cotune.search.history import first_untried
from cotune.study.hopeless import USUAL, Judge
from cotune.study.plan import Plan
from cotune.study.steps import Course
from cotune.testing import Table, load_table
from cotune.testing.tables import Score
from cotune.trial import Proposal, Record, Request, Trial
from cotune.verdict import choose

SCORES: tuple[Score, ...] = get_args(Score)


@dataclass(frozen=True)
class Case:
    """One study to simulate: a table's scores of one kind, targets, what searches, for how long, from which seed."""

    path: Path
    score: Score
    targets: tuple[str, ...]
    sampler: str
    budget: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of one study with and without early stopping.

    The first three are of the same fine-tunings in the same order: whether the winner without stopping was stopped,
    whether it was an anchor, which is never stopped, and the share of the training tokens that was saved. The regrets
    (0 is the optimum, 1 an average combination) are of two searches of their own that spend the same tokens.
    """

    table: str
    target: str
    score: Score
    sampler: str
    budget: int
    seed: int
    winner_stopped: bool
    winner_is_anchor: bool
    saved: float
    regret_without: float
    regret_with: float
    trials_with: int


@dataclass(frozen=True)
class InOrder:
    """A sampler that proposes given mixtures in their order."""

    mixtures: tuple[Mixture, ...]

    def __call__(
        self,
        problem: Problem,  # noqa: ARG002
        finished: Sequence[Trial],
        pending: Sequence[Request],
        rng: np.random.Generator,  # noqa: ARG002
        count: int,
    ) -> list[Proposal]:
        """Gives the next `count` that were not tried."""
        return first_untried(((mixture, "in order") for mixture in self.mixtures), finished, pending, count)


def simulate(case: Case, *, judge: Judge) -> Outcome:
    """Gives what early stopping by `judge` does to one study of a recorded pool."""
    table = load_table(case.path, score=case.score)
    problem, evaluate = table.problem(*case.targets), table.evaluate(*case.targets)
    plan = Plan(case.budget, confirm=0, repeats=False, base=False)
    stopping = Plan(case.budget, confirm=0, repeats=False, base=False, early_stopping="auto")
    sampler = cast(Sampler, named(case.sampler, SAMPLERS, what="sampler"))
    plain = conclude(Course(problem, sampler, plan, case.seed), evaluate)
    order = InOrder(tuple(record.request.mixture for record in plain))
    same = conclude(Course(problem, order, stopping, case.seed, judge), evaluate)
    other = conclude(Course(problem, sampler, stopping, case.seed, judge), evaluate)
    winner = choose(problem, _trials(plain))
    truth = table.values(*case.targets)
    return Outcome(
        case.path.stem,
        "+".join(case.targets),
        case.score,
        case.sampler,
        case.budget,
        case.seed,
        winner_stopped=any(trial.request.mixture == winner and trial.reached < 1 for trial in _trials(same)),
        winner_is_anchor=winner in (problem.target_only, problem.everything),
        saved=float(np.mean([1 - trial.reached for trial in _trials(same)])),
        regret_without=_regret(truth, winner),
        regret_with=_regret(truth, choose(problem, _trials(other))),
        trials_with=len(other),
    )


def _trials(records: Iterable[Record]) -> list[Trial]:
    return [record.trial for record in records if record.trial is not None]


def _regret(truth: Mapping[Mixture, float], chosen: Mixture) -> float:
    values = np.array(list(truth.values()))  # [mixture]
    spread = float(values.max() - values.mean())
    return float(values.max() - truth[chosen]) / spread if spread > 0 else 0.0


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Yields the studies: every target and pair of targets of each table, by every score, sampler, budget and seed.

    Raises:
        ValueError: a table has no learning curves.
    """
    for path in options.tables:
        for score in options.scores:
            table = load_table(path, score=score)
            if not set(options.judge.rungs) <= set(table.fractions):
                raise ValueError(
                    f"{path}: early stopping looks at {options.judge.rungs} of the budget; the table has curves at "
                    f"{table.fractions}. Record them with cotune exhaust."
                )
            for targets in _turns(path, table, options.together):
                for sampler in options.samplers:
                    for budget in options.budgets:
                        yield from (
                            Case(path, score, targets, sampler, budget, seed) for seed in range(options.repeats)
                        )


def _turns(path: Path, table: Table, together: Sequence[int]) -> Iterator[tuple[str, ...]]:
    for many in together:
        yield from Pool(path.stem, path.stem, table).targets(many)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Gives the figures as a table in Markdown, with 95 % bootstrap intervals over targets of tables.

    Studies of one target share their runs, so that they are averaged first.
    """
    rows = ["| | mean [95 %] | studies | targets |", "|---|---|---|---|"]
    searched = [one for one in outcomes if not one.winner_is_anchor]
    rows += [
        _row("share of studies whose final winner is stopped", outcomes, lambda one: float(one.winner_stopped)),
        _row("... of those whose winner is no anchor", searched, lambda one: float(one.winner_stopped)),
        _row("share of training tokens saved on the same fine-tunings", outcomes, lambda one: one.saved),
        _row("regret without, equal tokens", outcomes, lambda one: one.regret_without),
        _row("regret with, equal tokens", outcomes, lambda one: one.regret_with),
        _row("difference (below 0: stopping is better)", outcomes, lambda one: one.regret_with - one.regret_without),
    ]
    return "\n".join(rows)


def _row(what: str, outcomes: Sequence[Outcome], figure: Callable[[Outcome], float]) -> str:
    found: dict[tuple[str, str], list[float]] = {}
    for one in outcomes:
        found.setdefault((one.table, one.target), []).append(figure(one))
    if not found:
        return f"| {what} | - | 0 | 0 |"
    _, low, high = interval([float(np.mean(values)) for values in found.values()])
    mean = float(np.mean([figure(one) for one in outcomes]))
    return f"| {what} | {mean:.4f} [{low:.4f}, {high:.4f}] | {len(outcomes)} | {len(found)} |"


def main() -> None:
    """Simulates the studies that the command line asks for."""
    options = _parser().parse_args()
    options.judge = Judge(tuple(options.rungs), options.least, options.sureness)
    try:
        wanted = list(cases(options))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    outcomes = list(_outcomes(wanted, options.judge, options.jobs))
    text, facts = summary(outcomes), provenance()
    print(text)
    command = " ".join(["python -m benchmarks.stopping", *sys.argv[1:]])
    if options.json:
        result = {"command": command, **facts, "judge": asdict(options.judge)}
        result["outcomes"] = [asdict(outcome) for outcome in outcomes]
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        heading = "<!-- written by benchmarks/stopping.py; do not edit -->\n"
        place = f"`{command}` at commit {facts['commit']} on {facts['hardware']}; {options.judge}.\n\n"
        options.markdown.write_text(heading + place + text + "\n")


def _outcomes(wanted: Sequence[Case], judge: Judge, jobs: int) -> Iterator[Outcome]:
    work = partial(simulate, judge=judge)
    if jobs == 1:
        yield from map(work, wanted)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, wanted, chunksize=8)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stopping", description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="tables with learning curves (.npz)")
    parser.add_argument("--scores", type=_names, default=SCORES, help="nll, em or both")
    parser.add_argument("--samplers", type=_names, default=("random",), help="names of samplers, as in search.sampler")
    parser.add_argument("--budgets", type=_numbers, default=(12, 20), help="fine-tunings of a study")
    parser.add_argument("--together", type=_numbers, default=(1, 2), help="how many targets a study has")
    parser.add_argument("--repeats", type=int, default=10, help="seeds of each study")
    parser.add_argument("--rungs", type=_fractions, default=USUAL.rungs, help="fractions of the budget to judge at")
    parser.add_argument("--least", type=int, default=USUAL.least, help="finished fine-tunings to judge by")
    parser.add_argument("--sureness", type=float, default=USUAL.sureness, help="level of the prediction interval")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", type=Path, help="where to write all outcomes")
    parser.add_argument("--markdown", type=Path, help="where to write the table")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def _fractions(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))


if __name__ == "__main__":
    main()
