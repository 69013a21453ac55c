"""Where seeds make a difference, a search that nothing confirms measures again what may be best."""

from collections.abc import Sequence

from cotune.problem import Problem
from cotune.trial import Proposal, Record

PREFERENCE = 4.0
"""A repeat is preferred to a new mixture that promises up to so many times as much.

The gain of one seed is too little of what it begins: a lead is settled by several. Chosen of 1, 4 and 16 on problems
with noise of half the way from median to best.
"""


def with_repeats(problem: Problem, records: Sequence[Record], proposals: Sequence[Proposal]) -> list[Proposal]:
    """Gives `proposals` with repeats in the place of those that promise less improvement of the choice.

    Both are knowledge gradients (`cotune.search.repeats`). Proposals that promise nothing stay as they are. It is for
    searches that no confirmation follows: one that settles the lead anyway made repeats before it a loss.
    """
    promising = [one for one in proposals if one.improvement is not None]
    again = repeats(problem, records, len(promising))
    pairs = zip(promising, again, strict=False)
    better = {one: other for one, other in pairs if PREFERENCE * (other.improvement or 0) > (one.improvement or 0)}
    return [better.get(one, one) for one in proposals]


def repeats(problem: Problem, records: Sequence[Record], count: int) -> list[Proposal]:
    """Gives up to `count` repeats with fresh seeds, each of another mixture, the most telling ones first.

    There are none where nothing was repeated before (the anchors are) or seeds make no difference, and none for a
    front, of which no single mixture is chosen.
    """
    if problem.objective == "pareto" or not count or not _is_repeated(records):
        return []
    from cotune.search.history import usable  # with SciPy, late for the sake of studies that need none
    from cotune.search.repeats import weigh
    from cotune.verdict.floors import floors, holding
    from cotune.verdict.noise import by_mixture

    trials = [record.trial for record in records if record.trial is not None]
    groups = by_mixture(usable(problem, trials))
    if not groups:
        return []
    tried = weigh(problem, groups).among(holding(problem, trials, floors(problem, trials)))
    asked, found = [record.request for record in records], list[Proposal]()
    while len(found) < count:
        proposal = tried.repeat(asked, [one.request.mixture for one in found])
        if proposal is None:
            break
        found.append(proposal)
    return found


def _is_repeated(records: Sequence[Record]) -> bool:
    """Tells whether a mixture was trained with two seeds."""
    trained = [record.request for record in records if record.trial is not None and len(record.request.mixture)]
    return len({request.mixture for request in trained}) < len({(request.mixture, request.seed) for request in trained})
