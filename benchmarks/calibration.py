"""Checks what verdicts claim on whole simulated studies: false winners, and how often intervals hold the truth."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.graded import draw_graded
from benchmarks.in_memory import conclude
from benchmarks.intervals import interval
from benchmarks.provenance import provenance
from cotune.config.names import SAMPLERS, named
from cotune.study.plan import Plan
from cotune.study.steps import Course
from cotune.verdict import judge

Work: TypeAlias = Callable[[tuple[int, bool]], "Outcome"]
RESAMPLES = 2000
SEED = 20261128
"""Seed of the problems; nothing was tuned or trained on them."""


@dataclass(frozen=True)
class Outcome:
    """What one simulated study claimed, and what is true."""

    number: int
    is_flat: bool
    effect: float  # true score of the best mixture minus that of the median one
    winner_regret: float  # true score of the best mixture minus the winner's
    confirmed: bool
    fine_tunings: int
    against: tuple[str, ...]  # the anchors that the winner was compared with
    estimates: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    truths: tuple[float, ...]

    @property
    def claims(self) -> bool:
        """Whether the winner is said to beat an anchor."""
        return any(low > 0 for low in self.lows)

    @property
    def covered(self) -> list[float]:
        """Which of its intervals hold the true difference, as 0 and 1."""
        lines = zip(self.lows, self.truths, self.highs, strict=True)
        return [float(low <= truth <= high) for low, truth, high in lines]


def simulate(case: tuple[int, bool], *, sampler: str, trials: int, seed: int = SEED) -> Outcome:
    """Gives what a whole study of a problem (its number, whether it is flat) claims.

    It has anchors, search, confirmation with fresh seeds, and a verdict, as `cotune run` has.
    """
    number, is_flat = case
    pool = draw_graded(seed, number, is_flat=is_flat)
    problem = pool.problem()
    course = Course(problem, named(sampler, SAMPLERS, what="sampler"), Plan(trials, base=False), seed=number)
    records = conclude(course, pool.evaluate())
    verdict = judge(problem, records, seed=number, resamples=RESAMPLES)
    truths = {mixture: pool.truth(mixture) for mixture in pool.quality}
    assert verdict.winner is not None  # every run of a simulation succeeds
    lines = [line for line in verdict.comparisons if line.difference.low is not None]
    values = np.array(list(truths.values()))
    return Outcome(
        number,
        is_flat,
        effect=float(values.max() - np.median(values)),
        winner_regret=float(values.max() - truths[verdict.winner]),
        confirmed=verdict.confirmed,
        fine_tunings=len(records),
        against=tuple(line.label for line in lines),
        estimates=tuple(line.difference.mean for line in lines),
        lows=tuple(float(line.difference.low or 0) for line in lines),
        highs=tuple(float(line.difference.high or 0) for line in lines),
        truths=tuple(truths[verdict.winner] - truths[line.against] for line in lines),
    )


def main() -> None:
    """Runs the simulated studies that the command line asks for."""
    options = _parser().parse_args()
    work: Work = partial(simulate, sampler=options.sampler, trials=options.trials, seed=options.seed)
    wanted = [(number, is_flat) for number in range(options.problems) for is_flat in (False, True)]
    found: list[Outcome] = []
    for outcome in _outcomes(work, wanted, options.jobs):
        found.append(outcome)
        if sys.stderr.isatty():
            print(f"{len(found)} of {len(wanted)} studies", end="\r", file=sys.stderr)
    text = summary(found)
    print(text)
    command = " ".join(["python -m benchmarks.calibration", *sys.argv[1:]])
    facts = provenance()
    if options.json:
        result = {"command": command, **facts, "outcomes": [asdict(outcome) for outcome in found]}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        heading = "<!-- written by benchmarks/calibration.py; do not edit -->\n"
        place = f"`{command}` at commit {facts['commit']} on {facts['hardware']}.\n\n"
        options.markdown.write_text(heading + place + text + "\n")


def summary(outcomes: Sequence[Outcome]) -> str:
    """Gives the figures as a table in Markdown, with 95 % bootstrap intervals over problems."""
    flat = [outcome for outcome in outcomes if outcome.is_flat]
    others = [outcome for outcome in outcomes if not outcome.is_flat]
    lines = {
        "false winners: no mixture is better, and one is said to be": [float(one.claims) for one in flat],
        "95 % intervals that hold the true difference, no mixture better": _covered(flat),
        "95 % intervals that hold the true difference, mixtures differ": _covered(others),
        "... winner against target only": _covered(others, "target only"),
        "... winner against all datasets": _covered(others, "all datasets"),
        "said to beat an anchor, mixtures differ": [float(one.claims) for one in others],
        "... and truly does not beat any": [float(one.claims and max(one.truths) <= 0) for one in others],
        "what the winner misses of the way from median to best": [one.winner_regret / one.effect for one in others],
    }
    rows = [f"| {name} | {_figure(values)} | {len(values)} |" for name, values in lines.items() if values]
    return "\n".join(["| share of studies | [95 %] | studies |", "|---|---|---|", *rows])


def _covered(outcomes: Iterable[Outcome], label: str | None = None) -> list[float]:
    """Gives for each study which share of its intervals hold the truth."""
    found = []
    for outcome in outcomes:
        pairs = zip(outcome.against, outcome.covered, strict=True)
        covered = [held for against, held in pairs if label in (None, against)]
        if covered:
            found.append(float(np.mean(covered)))
    return found


def _figure(values: Sequence[float]) -> str:
    mean, low, high = interval(values)
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _outcomes(work: Work, cases: Sequence[tuple[int, bool]], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(work, cases)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, cases)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    add = parser.add_argument
    add("--problems", type=int, default=1000, help="problems with differences, and as many without")
    add("--trials", type=int, default=20, help="fine-tunings of a study, anchors and confirmation included")
    add("--sampler", default="default", help="what searches")
    add("--seed", type=int, default=SEED, help="seed of the problems")
    add("--jobs", type=int, default=1, help="processes")
    add("--json", type=Path, help="write every outcome here")
    add("--markdown", type=Path, help="write the printed table here")
    return parser


if __name__ == "__main__":
    main()
