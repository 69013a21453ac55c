"""Weightings: how much the loss of each dataset counts, on a grid or along a sweep, as mixtures of parts of losses."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import comb

from cotune.mixture import Mixture

MOST = 200
"""Weightings of a grid at most: each is a fine-tuning for every seed."""

FACTORS = ((1, 4), (1, 2), (1, 1), (2, 1), (4, 1), (8, 1))
"""Parts of a priority and of every other dataset along a sweep: its factor is 1/4, 1/2, 1, 2, 4 and 8 times theirs."""


def simplex(names: Sequence[str], step: float) -> list[Mixture]:
    """Gives all weights that are positive multiples of `step` and sum to 1, in order, the first dataset's first.

    In lowest terms equal weights are one mixture whatever the step, so that a finer grid holds the trials of a coarser
    one that it covers. Scalarisation by brute force, what any rule for weights has to beat: Xin, Ghorbani, Gilmer, Garg
    and Firat (2022), Do Current Multi-Task Optimization Methods in Deep Learning Even Help?

    >>> [weighting.to_json() for weighting in simplex(["a", "b"], 0.25)]
    [{'a': 1, 'b': 3}, {'a': 1, 'b': 1}, {'a': 3, 'b': 1}]

    Raises:
        ValueError: the step does not divide 1, leaves nothing to compare, or gives more than `MOST` weightings.
    """
    total = _parts(step)
    count = comb(total - 1, len(names) - 1)
    if total <= len(names):
        raise ValueError(
            f"A step of {step:g} gives {count} weightings of {len(names)} datasets, too few to compare; take one below "
            f"{1 / len(names):.3g}."
        )
    if count > MOST:
        raise ValueError(
            f"A step of {step:g} gives {count:,} weightings of {len(names)} datasets, each a fine-tuning; at most "
            f"{MOST} are trained. Take a larger step or fewer datasets."
        )
    cuts = (pairwise((0, *cut, total)) for cut in combinations(range(1, total), len(names) - 1))
    return [_weighting(names, [high - low for low, high in cut]) for cut in cuts]


def sweep(names: Sequence[str], priority: str) -> list[Mixture]:
    """Gives the weightings along which the factor of one dataset rises and the others stay equal (`FACTORS`).

    >>> [weighting.to_json() for weighting in sweep(["a", "b"], "a")][:2]
    [{'a': 1, 'b': 4}, {'a': 1, 'b': 2}]
    """
    return [_weighting(names, [own if name == priority else other for name in names]) for own, other in FACTORS]


def _parts(step: float) -> int:
    """Gives how many steps make 1."""
    if not 0.01 <= step <= 0.5 or abs(round(1 / step) * step - 1) > 1e-9:
        raise ValueError(
            f"A step of weights is from 0.01 to 0.5 and divides 1, as 0.1, 0.2 or 0.25; got {step:g}. Take "
            "one of these."
        )
    return round(1 / step)


def _weighting(names: Sequence[str], parts: Sequence[int]) -> Mixture:
    return Mixture.of(dict(zip(names, parts, strict=True)))
