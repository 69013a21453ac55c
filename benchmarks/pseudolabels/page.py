"""What was found: lines with means over seeds and paired intervals, and the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from scipy.stats import ttest_1samp

from benchmarks.pseudolabels.work import Found, Work

Groups = Mapping[tuple[float, int], Sequence[Found]]
"""What the trainings of a share and seed gave, that on labelled rows alone first."""


@dataclass(frozen=True)
class Line:
    """One share at one threshold: means over seeds, and the gain with its paired 95 % interval (Student's t)."""

    share: float
    threshold: float
    kept: float
    right: float | None
    supervised: float
    pseudo: float
    gain: tuple[float, float, float]


def lines(work: Work, found: Groups) -> list[Line]:
    """Gives a line for each share at each threshold.

    >>> rows = {(0.1, s): [Found(0.1, s, None, 0.5), Found(0.1, s, 0.9, 0.6 + s / 10, 0.5, 0.8)] for s in (0, 1)}
    >>> made, = lines(Work(shares=(0.1,), thresholds=(0.9,), seeds=2), rows)
    >>> round(made.gain[0], 3), made.kept
    (0.15, 0.5)
    """
    made = []
    for share in work.shares:
        groups = [found[share, seed] for seed in range(work.seeds)]
        for least in work.thresholds:
            pairs = [(rows[0], next(row for row in rows if row.threshold == least)) for rows in groups]
            right = [row.right for _, row in pairs if row.right is not None]
            alone, beside = ([pair[side].score for pair in pairs] for side in (0, 1))
            gains = [two - one for one, two in zip(alone, beside, strict=True)]
            kept = mean(row.kept for _, row in pairs)
            shown = mean(right) if right else None
            made.append(Line(share, least, kept, shown, mean(alone), mean(beside), _interval(gains)))
    return made


def _interval(gains: Sequence[float]) -> tuple[float, float, float]:
    if len(set(gains)) == 1:  # no spread: the interval is a point
        return gains[0], gains[0], gains[0]
    found = ttest_1samp(gains, 0.0).confidence_interval()
    return mean(gains), float(found.low), float(found.high)


def markdown(work: Work, found: Groups) -> str:
    """Gives the table, in points, and what all labels reach."""
    text = [
        "| labels | threshold | kept | of those right | labels alone | with pseudo-labels | gain |",
        "|---" * 7 + "|",
    ]
    for line in lines(work, found):
        right = "" if line.right is None else f"{line.right:.1%}"
        gain = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * value for value in line.gain))
        scores = f"{100 * line.supervised:.1f} | {100 * line.pseudo:.1f}"
        text.append(f"| {line.share:.0%} | {line.threshold:.4g} | {line.kept:.1%} | {right} | {scores} | {gain} |")
    whole = mean(found[1.0, seed][0].score for seed in range(work.seeds))
    text += [
        "",
        f"All labels: {100 * whole:.1f}. Means over {work.seeds} seeds; gains are paired by seed, with 95 % intervals.",
    ]
    return "\n".join(text) + "\n"
