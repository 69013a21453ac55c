"""The alarm for a search whose leader comes and goes."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.study.alarms.alarm import Alarm
from cotune.study.alarms.measurement import Measurement
from cotune.study.stops import is_comparable
from cotune.trial import Record

RECENT = 16
"""Over how many of the latest fine-tunings leaders are compared."""


def oscillation(problem: Problem, records: Sequence[Record], found: Sequence[Measurement]) -> Alarm | None:
    """Gives the alarm where the lead by posterior mean came back to a mixture that had lost it.

    Without noise a leader is dethroned by a better value alone and never comes back, however far apart successive
    leaders lie; so only what noise undoes is counted. The Hamming distances say how much is at stake. Those between
    proposals raise no alarm: a search that explores is as restless without noise as with it.
    """
    if len(found) < RECENT:
        return None
    leaders = leaders_of(problem, records, RECENT)
    many = returns(leaders)
    if not many:
        return None
    flipping = Counter(name for name in problem.names for _ in range(reversals(leaders, name)))
    names = ", ".join(name for name, _ in flipping.most_common(3))
    changes = [distance(one, other) for one, other in pairwise(leaders) if one != other]
    proposed = [distance(one.mixture, other.mixture) for one, other in pairwise(found[-RECENT:])]
    return Alarm(
        "oscillation",
        f"in the last {RECENT} fine-tunings the lead changed {len(changes)} times by {fmean(changes):.2g} datasets and "
        f"came back to a mixture that had lost it {many} times ({names} in and out; proposals differed by "
        f"{fmean(proposed):.2g}); the scores are noisy: repeat the leaders with fresh seeds or score on more dev rows",
    )


def leaders_of(problem: Problem, records: Sequence[Record], recent: int) -> list[Mixture]:
    """Gives the mixture with the best posterior mean before and after each of the last `recent` fine-tunings."""
    from cotune.verdict import choose  # with SciPy, so late

    base = [record.trial for record in records if record.trial is not None and not len(record.request.mixture)]
    trials = [record.trial for record in records if is_comparable(record) and record.trial is not None]
    scored = [trial for trial in trials if trial.is_full]
    ends = range(max(1, len(scored) - recent), len(scored) + 1)
    return [choose(problem, [*base, *scored[:end]]) for end in ends]


def returns(leaders: Sequence[Mixture]) -> int:
    """Gives how often the lead went to a mixture that had led before and lost it."""
    return sum(new != old and new in leaders[:place] for place, (old, new) in enumerate(pairwise(leaders)))


def reversals(leaders: Sequence[Mixture], name: str) -> int:
    """Gives how often a dataset left the lead after it had entered it, or entered it after it had left."""
    changes = sum((name in old) != (name in new) for old, new in pairwise(leaders))
    return max(0, changes - 1)


def distance(one: Mixture, other: Mixture) -> int:
    """Gives the Hamming distance: in how many datasets two mixtures differ."""
    return len({*one.names} ^ {*other.names})
