"""The alarm for a predictor that is sure and wrong."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, median, stdev

from cotune.study.alarms.alarm import Alarm
from cotune.study.alarms.measurement import Measurement, forecasts

RECENT = 8
"""How many of the latest predictions are judged."""
WORSE = 4.785
"""Student's t with 7 degrees of freedom exceeds it with probability 0.001: a search is looked at some twenty times."""
SURE = 2.5
"""Half of the errors are larger than this many of the predicted standard deviations; an honest normal has 0.67."""


def overfitted(found: Sequence[Measurement]) -> Alarm | None:
    """Gives the alarm where the last `RECENT` predictions came out worse than the mean of the values before each.

    They were made before the runs, so that the errors are out of sample (Dawid, 1984, Statistical Theory: The
    Prequential Approach). Worse means: by a paired t-test of the absolute errors at 0.1 %, one-sided, or on average
    with a median error of more than `SURE` predicted standard deviations. A predictor whose proposals raised the
    best value in that time is worth following whatever its errors: those that promise most disappoint most.
    """
    recent = forecasts(found)[-RECENT:]
    if len(recent) < RECENT or any(measurement.is_better for measurement in recent):
        return None
    loss = [measurement.error - measurement.plain_error for measurement in recent]
    sure = _standardised(recent)
    is_sure = sure is not None and sure > SURE
    if fmean(loss) <= 0 or not (is_sure or fmean(loss) > WORSE * stdev(loss) / sqrt(len(loss))):
        return None
    error, plain = (fmean(errors) for errors in zip(*((one.error, one.plain_error) for one in recent), strict=True))
    said = "" if sure is None else f", half of its errors above {sure:.2g} of its standard deviations"
    return Alarm(
        "overfitted predictor",
        f"its last {RECENT} predictions missed by {error:.3g} on average, the mean of earlier scores by {plain:.3g}"
        f"{said}; until it predicts better, three of four proposals are random",
    )


def _standardised(recent: Sequence[Measurement]) -> float | None:
    """Gives the median error in predicted standard deviations; None where one is missing or zero."""
    sds = [measurement.sd for measurement in recent]
    if not all(sds):
        return None
    return median(measurement.error / sd for measurement, sd in zip(recent, sds, strict=True) if sd)
