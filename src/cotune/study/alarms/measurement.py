"""What a search measured, each value beside what was predicted of it before it ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.study.stops import is_comparable, measured
from cotune.trial import Record


@dataclass(frozen=True)
class Measurement:
    """The objective of one fine-tuning, with what was known and predicted before it.

    `known` is the mean of the values before it (None for the first), the prediction of one who knows nothing of
    mixtures; `predicted` and `sd` are None where nothing predicted it or its mixture had been measured before, which
    makes it no prediction. `is_searched` is False of anchors, `is_better` where it raised the best value.
    """

    mixture: Mixture
    value: float
    known: float | None
    predicted: float | None
    sd: float | None
    is_searched: bool
    is_better: bool

    @property
    def error(self) -> float:
        """How far the prediction was from the value."""
        return abs(self.value - (self.value if self.predicted is None else self.predicted))

    @property
    def plain_error(self) -> float:
        """How far the mean of the earlier values was from the value."""
        return abs(self.value - (self.value if self.known is None else self.known))


def measurements(problem: Problem, records: Sequence[Record]) -> list[Measurement]:
    """Gives the values of anchors and search in the order of their requests; confirmation and failures are left out.

    Earlier requests of one batch count as known to the later ones, which flatters the mean of the earlier values.
    """
    found: list[Measurement] = []
    for record in records:
        value = measured(problem, record) if is_comparable(record) else None
        if value is None:
            continue
        values = [earlier.value for earlier in found]
        mixture, proposal = record.request.mixture, record.proposal
        is_new = all(earlier.mixture != mixture for earlier in found)
        found.append(
            Measurement(
                mixture=mixture,
                value=value,
                known=fmean(values) if values else None,
                predicted=proposal.mean if is_new and values else None,
                sd=proposal.sd if is_new and values else None,
                is_searched=not proposal.reason.startswith("anchor"),
                is_better=value > max(values, default=float("-inf")),
            )
        )
    return found


def forecasts(found: Sequence[Measurement]) -> list[Measurement]:
    """Gives those that were predicted."""
    return [measurement for measurement in found if measurement.predicted is not None]


def idle(found: Sequence[Measurement]) -> int:
    """Gives how many fine-tunings of the search there were since the best value was found."""
    count = 0
    for measurement in found:
        count = 0 if measurement.is_better else count + measurement.is_searched
    return count
