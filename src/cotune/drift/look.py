"""A look: new rows compared with those of a baseline by a few checks, judged together."""

from dataclasses import dataclass, field
from statistics import median
from typing import Literal

import numpy as np

from cotune.drift.distribution_gap import largest_gap
from cotune.drift.holm import holm
from cotune.drift.label_rates import chi_square, most_moved
from cotune.drift.mean_discrepancy import squared_mmd
from cotune.drift.permutation import Array, enough, permutation_test
from cotune.drift.score_drop import RESAMPLES, Change, change, drop_statistic
from cotune.tally import Tallies, tally_score

Name = Literal["score", "lengths", "texts", "labels"]
MOST_CHECKS = 4
LEAST_ALPHA = 1e-4
"""Below it p values would take too many permutations."""

FEWEST = 10
"""Rows that a check needs on both sides; with fewer nothing short of a catastrophe would show."""


@dataclass(frozen=True)
class Sample:
    """What a look compares of some rows.

    `words` counts those of each row's texts. `states` are the base model's mean states of some rows, [row, hidden].
    `labels` are the predicted ones of a classification, `tallies` the scored rows' shares in the score.
    """

    words: tuple[int, ...]
    states: Array = field(repr=False)
    labels: tuple[str, ...] = ()
    tallies: tuple[Tallies, ...] = field(default=(), repr=False)

    @property
    def score(self) -> float | None:
        """The score, None without answers."""
        return tally_score(self.tallies) if self.tallies else None


@dataclass(frozen=True)
class Check:
    """What one check found: its figures before and after, its statistic, p value, level and whether it alarms.

    The figures are scores (with an interval of their difference), median words, or shares of the label that `moved`
    most; `texts` has none.
    """

    name: Name
    statistic: float
    p: float
    level: float
    is_alarm: bool
    baseline: float | None = None
    new: float | None = None
    low: float | None = None
    high: float | None = None
    moved: str = ""


@dataclass(frozen=True)
class Look:
    """The checks of one look; `left_out` says why a check was not made."""

    checks: tuple[Check, ...]
    alpha: float
    margin: float
    left_out: tuple[str, ...] = ()

    @property
    def alarms(self) -> tuple[Name, ...]:
        """The checks that alarm."""
        return tuple(check.name for check in self.checks if check.is_alarm)


@dataclass(frozen=True)
class _Found:
    """One check before it is judged."""

    name: Name
    statistic: float
    p: float
    before: float | None = None
    after: float | None = None
    change: Change | None = None
    moved: str = ""


def look(baseline: Sample, new: Sample, *, alpha: float = 0.05, margin: float = 0.0, seed: int = 0) -> Look:
    """Compares new rows with a baseline; where both come from one source, it alarms with probability `alpha` at most.

    The checks are held together by Holm's procedure, each by a permutation test. The score's alarm asks for more: the
    interval of its change, at the level that Holm gives, has to lie wholly below -`margin`. (In small sets an interval
    alone alarms too often; a permutation test alone knows no margin.)

    Raises:
        ValueError: alpha or margin is out of its range, or there are too few rows.
    """
    check_settings(alpha, margin)
    check_rows("The baseline", len(baseline.words))
    check_rows("A look", len(new.words))
    count = enough(alpha, MOST_CHECKS)
    found = [_lengths(baseline, new, seed, count), _texts(baseline, new, seed, count)]
    left_out = []
    if baseline.labels and new.labels:
        found.append(_labels(baseline, new, seed, count))
    if min(len(baseline.tallies), len(new.tallies)) >= FEWEST:
        found.insert(0, _score(baseline, new, margin, seed, count))
    else:
        scored = f"{len(baseline.tallies)} rows of the baseline and {len(new.tallies)} new rows have answers"
        left_out.append(f"score: {scored}; it needs {FEWEST} of both")
    judged = holm([each.p for each in found], alpha)
    checks = [_checked(each, level, alarm) for each, (level, alarm) in zip(found, judged, strict=True)]
    return Look(tuple(checks), alpha, margin, tuple(left_out))


def check_settings(alpha: float, margin: float) -> None:
    """Checks what a look is held to.

    Raises:
        ValueError: one is out of its range.
    """
    if not LEAST_ALPHA <= alpha < 1:
        raise ValueError(f"--alpha is a probability in [{LEAST_ALPHA:g}, 1); got {alpha}.")
    if not 0 <= margin < 1:
        raise ValueError(f"--margin is a difference of scores in [0, 1), as 0.02 for two points; got {margin}.")


def check_rows(what: str, count: int) -> None:
    """Checks that there are rows enough.

    Raises:
        ValueError: there are not.
    """
    if count < FEWEST:
        raise ValueError(f"{what} needs at least {FEWEST} rows; found {count}. Collect more first.")


def _checked(found: _Found, level: float, is_alarm: bool) -> Check:
    low, high = found.change.interval(level) if found.change else (None, None)
    return Check(
        found.name, found.statistic, found.p, level, is_alarm, found.before, found.after, low, high, found.moved
    )


def _score(baseline: Sample, new: Sample, margin: float, seed: int, count: int) -> _Found:
    before, after = baseline.tallies, new.tallies
    rng = np.random.default_rng([seed, 0])
    drop, p = permutation_test(drop_statistic(before, after), len(before), len(after), rng, count=count)
    changed = change(before, after, np.random.default_rng([seed, 1]), resamples=max(RESAMPLES, count))
    return _Found("score", drop, max(p, changed.p(margin)), baseline.score, new.score, changed)


def _lengths(baseline: Sample, new: Sample, seed: int, count: int) -> _Found:
    before, after = baseline.words, new.words
    gap = largest_gap(np.array([*before, *after], dtype=float))
    return _Found(
        "lengths",
        *permutation_test(gap, len(before), len(after), np.random.default_rng([seed, 2]), count=count),
        float(median(before)),
        float(median(after)),
    )


def _texts(baseline: Sample, new: Sample, seed: int, count: int) -> _Found:
    before, after = baseline.states, new.states
    apart = squared_mmd(np.concatenate([before, after]).astype(np.float64))
    return _Found(
        "texts", *permutation_test(apart, len(before), len(after), np.random.default_rng([seed, 3]), count=count)
    )


def _labels(baseline: Sample, new: Sample, seed: int, count: int) -> _Found:
    before, after = baseline.labels, new.labels
    moved = most_moved(before, after)
    return _Found(
        "labels",
        *permutation_test(
            chi_square([*before, *after]), len(before), len(after), np.random.default_rng([seed, 4]), count=count
        ),
        moved.baseline,
        moved.new,
        moved=moved.label,
    )
