"""Near-duplicates: pairs of texts whose sets of neighbouring word pairs are alike."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from math import ceil
from typing import TypeAlias

Words: TypeAlias = Sequence[str]
Pairs: TypeAlias = frozenset[int]
"""Neighbouring word pairs, each as one number."""

_MOST_WORDS = 1 << 32


def similar_pairs(left: Sequence[Words], right: Sequence[Words], least: float) -> Iterator[tuple[int, int, float]]:
    """Yields (index in left, index in right, Jaccard similarity) of texts that are similar to at least `least`.

    Exact. Two sets that share the share `least` of their union share an element among the rarest few of each (prefix
    filter of Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins in data cleaning", ICDE 2006), so
    that only those are looked up: seconds for tens of thousands of sentences.
    """
    vocabulary: dict[str, int] = {}
    left_pairs, right_pairs = ([_pairs(words, vocabulary) for words in side] for side in (left, right))
    counts = Counter(chain.from_iterable([*left_pairs, *right_pairs]))
    index: dict[int, list[int]] = defaultdict(list)
    for number, pairs in enumerate(right_pairs):
        for pair in _rarest(pairs, counts, least):
            index[pair].append(number)
    for number, pairs in enumerate(left_pairs):
        rare = [pair for pair in _rarest(pairs, counts, least) if pair in index]
        for other in sorted({other for pair in rare for other in index[pair]}):
            similarity = _jaccard(pairs, right_pairs[other])
            if similarity >= least:
                yield number, other, similarity


def _pairs(words: Words, vocabulary: dict[str, int]) -> Pairs:
    numbers = [vocabulary.setdefault(word, len(vocabulary)) for word in words]
    return frozenset(one * _MOST_WORDS + two for one, two in pairwise(numbers))


def _rarest(pairs: Pairs, counts: Counter[int], least: float) -> list[int]:
    kept = len(pairs) - ceil(least * len(pairs)) + 1
    return sorted(sorted(pairs), key=counts.__getitem__)[:kept]


def _jaccard(one: Pairs, two: Pairs) -> float:
    common = len(one & two)
    return common / (len(one) + len(two) - common)
