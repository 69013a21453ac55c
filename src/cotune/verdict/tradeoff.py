"""Trade-off: the dev loss of a priority against that of the other datasets, as the factor of its loss rises."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from cotune.verdict.weightings import Weighting


@dataclass(frozen=True)
class Tradeoff:
    """The dev loss of the priority (`own`) and the mean loss of the others (`rest`) at each of its rising factors."""

    priority: str
    others: tuple[str, ...]
    factors: tuple[float, ...]
    own: tuple[float, ...]
    rest: tuple[float, ...]
    sentence: str


def tradeoff(lines: Sequence[Weighting], priority: str) -> Tradeoff | None:
    """Gives the trade-off along weightings in which all but the priority weigh the same; None with fewer than two."""
    if len(lines) < 2:
        return None
    others = tuple(name for name in lines[0].mixture.names if name != priority)
    rising = sorted(((_factor(line, priority, others[0]), line) for line in lines), key=lambda pair: pair[0])
    factors = tuple(factor for factor, _ in rising)
    own = tuple(line.losses[priority] for _, line in rising)
    rest = tuple(fmean(line.losses[name] for name in others) for _, line in rising)
    sentence = (
        f"As the factor of {priority} goes from {factors[0]:g} to {factors[-1]:g}, its dev loss {_course(own)}; "
        f"the mean loss of {', '.join(others)} {_course(rest)}."
    )
    return Tradeoff(priority, others, factors, own, rest, sentence)


def _factor(line: Weighting, priority: str, other: str) -> float:
    return line.weights[priority] / line.weights[other]


def _course(losses: Sequence[float]) -> str:
    """Says where losses go, and whether on every step."""
    first, last = losses[0], losses[-1]
    if round(first, 3) == round(last, 3):
        return f"ends at {last:.3f}, where it began"
    steps = [later - earlier for earlier, later in pairwise(losses)]
    is_steady = all(step < 0 for step in steps) if last < first else all(step > 0 for step in steps)
    way = "falls" if last < first else "rises"
    return f"{way} from {first:.3f} to {last:.3f}, {'at every step' if is_steady else 'but not at every step'}"
