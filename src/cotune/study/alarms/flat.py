"""The alarms for a search that gets nowhere: nothing to choose, or a predictor that does not learn."""

from collections.abc import Sequence
from statistics import fmean, pstdev

from cotune.problem import Problem
from cotune.study.alarms.alarm import Alarm
from cotune.study.alarms.measurement import Measurement, forecasts, idle
from cotune.trial import Record

RECENT = 10
"""So many fine-tunings of the search without a better value make it flat."""
REPEATS = 4
"""So many repeats tell the noise between seeds; the anchors' two seeds (2) are off by half too often."""
EQUAL = 1e-9
"""Scores whose spread is below this part of their size are equal but for rounding."""


def flat(problem: Problem, records: Sequence[Record], found: Sequence[Measurement]) -> Alarm | None:
    """Gives the alarm after `RECENT` searched fine-tunings without a better value, if there is a reason for it.

    Either the values differ no more than seeds do, so that there is nothing to choose, or the predictor's errors on
    these fine-tunings are on average larger than the standard deviation of all values: it would then do better to
    predict their mean, and the search is blind. A search that is flat because it has arrived predicts well.
    """
    since = idle(found)
    if since < RECENT:
        return None
    return _nothing_to_choose(problem, records, found) or _blind(found, since)


def _nothing_to_choose(problem: Problem, records: Sequence[Record], found: Sequence[Measurement]) -> Alarm | None:
    first = {measurement.mixture: measurement.value for measurement in reversed(found)}
    values = list(first.values())
    spread = pstdev(values)
    if spread <= EQUAL * max(map(abs, values)):
        return Alarm(
            "nothing to choose",
            f"all {len(values)} mixtures scored {values[0]:.4g}, so the datasets make no difference; see that the "
            "evaluation hears the mixture and that its score can move, or take the cheapest",
        )
    from cotune.verdict.noise import by_mixture, scored, seed_noise  # its package brings SciPy, so late

    noise = seed_noise(problem, by_mixture(scored(problem, [record.trial for record in records if record.trial])))
    if noise.freedom < REPEATS or spread > (noise.sd or 0.0):
        return None
    return Alarm(
        "nothing to choose",
        f"the scores of {len(values)} mixtures differ by {spread:.3g} (sd), no more than those of seeds by "
        f"{noise.sd:.3g}; score on more dev rows, train longer, or take the cheapest",
    )


def _blind(found: Sequence[Measurement], since: int) -> Alarm | None:
    recent = forecasts(found)[-RECENT:]
    error, spread = fmean(map(_error, recent)) if recent else 0.0, pstdev([one.value for one in found])
    if len(recent) < RECENT or error <= spread:
        return None
    best = max(measurement.value for measurement in found)
    return Alarm(
        "flat search",
        f"no better value than {best:.4g} in the last {since} fine-tunings, and the predictor misses by {error:.3g} on "
        f"average where all scores spread by {spread:.3g} (sd); another sampler, or more dev rows, may tell more",
    )


def _error(measurement: Measurement) -> float:
    return measurement.error
