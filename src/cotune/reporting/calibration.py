"""How well the predictor's proposals came true."""

from collections.abc import Sequence

import numpy as np

from cotune.reporting.report import Calibration, TrialLine


def calibration(trials: Sequence[TrialLine]) -> Calibration | None:
    """Gives the agreement of predicted and measured objectives; None if no proposal had both.

    The rank correlation needs three proposals and some spread; the share within one sd needs the predictor's sd (about
    68 % if it is honest).
    """
    from scipy.stats import spearmanr  # half a second, which `cotune status` need not wait

    known = [trial for trial in trials if trial.predicted is not None and trial.value is not None]
    if not known:
        return None
    predicted = np.array([trial.predicted for trial in known], dtype=float)  # [trial]
    measured = np.array([trial.value for trial in known], dtype=float)  # [trial]
    misses = np.abs(measured - predicted)  # [trial]
    sds = [trial.predicted_sd for trial in known if trial.predicted_sd is not None]
    has_spread = len(known) > 2 and bool(np.ptp(predicted) and np.ptp(measured))
    return Calibration(
        count=len(known),
        error=float(misses.mean()),
        rank_correlation=float(spearmanr(predicted, measured).statistic) if has_spread else None,
        within_sd=float((misses <= np.array(sds)).mean()) if len(sds) == len(known) else None,
    )
